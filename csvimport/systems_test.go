package csvimport

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chatadmin.example/sdk/chatadmin"
)

// The headings of other systems, as their documentation or files of theirs have
// them, and what is read of each; see testdata/cases/README.md.
func TestSystems(t *testing.T) {
	for name, c := range map[string]struct{ heads, oneLogin, two string }{
		"Slack, member list": {"username,email,status,billing-active,has-2fa,has-sso,userid,fullname,displayname,expiration-timestamp",
			"email/login=email name=fullname Enabled=status", "login=username email=email name=fullname Enabled=status"},
		"Google Workspace, download": {"First Name [Required],Last Name [Required],Email Address [Required],Status [READ ONLY],Last Sign In [READ ONLY],Email Usage [READ ONLY],2sv Enrolled [READ ONLY],Department",
			"firstname=First Name [Required] lastname=Last Name [Required] email/login=Email Address [Required] Enabled=Status [READ ONLY] department=Department", ""},
		"Google Workspace, template": {"First Name [Required],Last Name [Required],Email Address [Required],Password [Required],Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],New Primary Email [UPLOAD ONLY],Recovery Email,Work Phone,Mobile Phone,Employee Title,Manager Email,New Status [UPLOAD ONLY]",
			"firstname=First Name [Required] lastname=Last Name [Required] email/login=Email Address [Required] new login=New Primary Email [UPLOAD ONLY] mobile=Mobile Phone title=Employee Title manager=Manager Email Enabled=New Status [UPLOAD ONLY]", ""},
		"Microsoft Entra, template": {"Name [displayName] Required,User name [userPrincipalName] Required,Initial password [passwordProfile] Required,Block sign in (Yes/No) [accountEnabled] Required,First name [givenName],Last name [surname],Job title [jobTitle],Department [department],Usage location [usageLocation],Office phone [telephoneNumber],Mobile phone [mobile]",
			"name=Name [displayName] Required email/login=User name [userPrincipalName] Required Enabled=Block sign in (Yes/No) [accountEnabled] Required firstname=First name [givenName] lastname=Last name [surname] title=Job title [jobTitle] department=Department [department] mobile=Mobile phone [mobile]", ""},
		"Canvas, users.csv": {"user_id,integration_id,login_id,password,ssha_password,authentication_provider_id,first_name,last_name,full_name,sortable_name,short_name,email,pronouns,declared_user_type,status",
			"firstname=first_name lastname=last_name name=full_name email/login=email Enabled=status", "login=login_id firstname=first_name lastname=last_name name=full_name email=email Enabled=status"},
		"Moodle, upload users": {"username,password,firstname,lastname,email,institution,department,city,country,lang,auth,timezone,idnumber,phone1,phone2,cohort1,suspended",
			"firstname=firstname lastname=lastname email/login=email department=department language=lang Enabled=suspended", "login=username firstname=firstname lastname=lastname email=email department=department language=lang Enabled=suspended"},
		"Zammad, users": {"id,login,firstname,lastname,email,web,phone,fax,mobile,department,street,zip,city,country,vip,verified,active,note",
			"firstname=firstname lastname=lastname email/login=email mobile=mobile department=department Enabled=active", "login=login firstname=firstname lastname=lastname email=email mobile=mobile department=department Enabled=active"},
		"Okta, profile": {"login,email,secondEmail,firstName,lastName,middleName,displayName,nickName,title,mobilePhone,primaryPhone,userType,department,manager,managerId,preferredLanguage",
			"email/login=email firstname=firstName lastname=lastName name=displayName title=title mobile=mobilePhone kind=userType department=department manager=manager language=preferredLanguage", ""},
		"Mattermost, user": {"username,email,first_name,last_name,nickname,position,locale,roles",
			"email/login=email firstname=first_name lastname=last_name title=position language=locale", "login=username email=email firstname=first_name lastname=last_name title=position language=locale"},
		"Outlook, contacts": {"Title,First Name,Middle Name,Last Name,Suffix,Company,Department,Job Title,Business Phone,Home Phone,Mobile Phone,E-mail Address,E-mail Type,E-mail Display Name,Manager's Name,Language",
			"firstname=First Name lastname=Last Name department=Department title=Job Title mobile=Mobile Phone email/login=E-mail Address language=Language", ""},
	} {
		for i, want := range []string{c.oneLogin, c.two} {
			if want == "" {
				continue
			}
			h, err := readHeader(strings.Split(c.heads, ","), chatadmin.LoginPolicy{IsEmail: i == 0}, settings{})
			require.NoError(t, err, name)
			var got []string
			for _, p := range h.planColumns() {
				switch p.Field {
				case "", meansNothing:
				case meansBlocked:
					got = append(got, "Enabled="+p.Heading)
				default:
					got = append(got, fmt.Sprintf("%s=%s", p.Field, p.Heading))
				}
			}
			for _, g := range got {
				require.True(t, slices.Contains(strings.Split(want, " "), g) || strings.Contains(want+" ", g+" "), "%s: %q", name, g)
			}
			require.Equal(t, strings.Count(want, "="), len(got), "%s: %q", name, got)
		}
	}
}
