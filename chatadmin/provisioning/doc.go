// Package provisioning provisions the users of push-to-talk hosts, in the manner
// of ESChat: departments, activation of radios, priorities and contacts. It
// serves domains of the chatadmin.ESChat preset, and leaves others alone.
//
//	p, err := provisioning.New(admin, &provisioning.Options{SMS: sms})
//	buses, err := p.CreateDepartment(ctx, s, "Buses")
//	user, err := p.CreateUser(ctx, s, provisioning.NewUser{
//		NewUser: chatadmin.NewUser{Login: "Bus.57", FirstName: "John",
//			LastName: "Smith", Phone: "06 12345678"},
//		Fields:  provisioning.Fields{Priority: &two, SendText: &yes},
//	})
//	contacts, next, err := p.ContactsPage(ctx, s, user.ID, chatadmin.Page{Limit: 100})
//
// Who may speak in a conversation is decided by package chatadmin/floor, from
// Profile.Priority.
//
// # The form of a user
//
// CreateUser and EditUser take all fields of the form, and tell everything that
// is wrong at once. A CSV file has the same fields as columns: Department,
// Priority, Client Type, IMEI, Send Text and Maximal Contacts. Both go through
// the same rules.
//
//	login               3 to 24 letters, digits and "."; unique, whatever the case
//	department          one that exists; chosen by itself if there is one alone
//	first name          at least one character; a letter or digit among them
//	last name           at least three characters; likewise
//	phone number        the whole number; Settings.DefaultCountry reads it
//	e-mail              in addition to a phone number, or instead
//	trusted             no until the user first registers a device
//	activation          Automatic; Manual with an IMEI
//	send text           off; needs Policy.AcceptTexts and a number of the country
//	priority            0 (lowest) to 5 (highest); 0 unless chosen
//	client type         Unknown is replaced by that of the first device; an RTP
//	                    gateway must be chosen
//	maximal contacts    on
//
// The rules of departments and IMEIs hold for users whom other calls write, too:
// chatadmin.Scope.CreateUser refuses a department that does not exist.
//
// # Activation
//
// A user who is invited is sent a code. It goes by text message if Send Text is
// on, and by e-mail otherwise; a user whom neither can reach is refused. The
// code has 60 random bits, works once and for Options.CodeLife, and dies with a
// newer one, with the user's access, and with the phone number that it went to.
// chatadmin.Admin.Work sends codes. The first admin of a domain, and users
// without a profile, are invited by a mailed link.
//
// The host's handler asks for login and code, and registers the device by the
// proof. Code and registration are one transaction: of many devices with one
// code one comes in.
//
//	user, proof, err := p.ByCode(ctx, domain, login, code)
//	out, err := registry.Register(ctx, admin.AsHost(domain), user.ID,
//		devices.Registration{Key: key, Type: devices.Android, Proof: proof})
//
// With an IMEI of 13 or 15 digits nothing is sent. The first device that shows
// it, by ByIMEI, is activated. An IMEI belongs to one user of a domain.
//
// # Departments
//
// A department is a thing of its own, with a name that is unique in the domain
// whatever its spelling. Renaming it takes its members along in bounded batches;
// until the last has the new name, both names mean the department. Emptying it
// is planned, and moves its members to another department or to none. An empty
// department can be deleted.
//
// # Contacts
//
// The contacts of a user are the other members of their department. A user with
// maximal contacts turned off has none, and is nobody's. Contacts are computed
// from the department: turning them on, moving or deleting a user writes one
// row, and the lists are complete and symmetric at every moment.
//
// # Who may do what
//
//	users.create   CreateUser
//	users.edit     EditUser, ResendActivation
//	users.edit     CreateDepartment, RenameDepartment, DeleteDepartment
//	users.edit     PlanEmpty, ApplyEmpty
//	users.read     Profile, Contacts, ContactsPage (others than one's own)
//	users.read     Activation, Policy
//	roles          SetDepartmentAdmin
//	domain         SetPolicy
//	(none)         Departments, DepartmentsPage, Department, DepartmentNamed
//
// An admin of a department, made by SetDepartmentAdmin, may use CreateUser,
// EditUser, Profile and Contacts for its members: not for those who stand above
// them, and not to change role, kind or department. ByCode, ByIMEI and
// SendActivations are for the host alone.
package provisioning
