package csvimport_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage/memstore"
	"chatadmin.example/sdk/csvimport"
)

const people = `name,email/login,title,manager,Enabled
Ann Smith,ann@acme.example,Head of Sales,,TRUE
Bob Jones,bob@acme,Sales,ann@acme.example,TRUE
Eve Best,eve@acme.example,Sales,dora@acme.example,TRUE
`

// A plan is made and looked at, then applied.
func Example() {
	ctx := context.Background()
	s := exampleDomain(ctx)
	file := strings.NewReader(people) // or an *os.File
	plan, err := csvimport.ImportsOf(s).Plan(ctx, s, file, csvimport.UpdateExisting, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = plan.Outcomes(ctx, s, file, func(o csvimport.Outcome) error {
		code, _ := o.Summary()
		fmt.Println(strings.TrimSpace(fmt.Sprint(o.Line, " ", o.Login, " ", o.Status, " ", code)))
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	done, err := csvimport.ImportsOf(s).Apply(ctx, s, plan, file, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of %d rows created users\n", done.Counts.Created, done.Counts.Rows)
	// Output:
	// 2 ann@acme.example created
	// 3 bob@acme failed bad_email
	// 4 eve@acme.example created no_manager
	// 2 of 3 rows created users
}

// The result CSV can be mended and imported again.
func ExampleResult_WriteCSV() {
	ctx := context.Background()
	s := exampleDomain(ctx)
	file := strings.NewReader("login,mobile\nann@acme.example,+31612345678\nbob@acme,\n")
	done, err := csvimport.ImportsOf(s).Import(ctx, s, file, csvimport.SkipExisting, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := done.WriteCSV(ctx, s, file, os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output: login,mobile,_line,_status,_code,_message
	// ann@acme.example,'+31612345678,2,created,,
	// bob@acme,,3,failed,bad_email,login: this is not an e-mail address such as ann@example.com
}

// Users go out in the format that is imported.
func ExampleExport() {
	ctx := context.Background()
	s := exampleDomain(ctx)
	if _, err := csvimport.Export(ctx, s, os.Stdout, csvimport.ImportFormat, nil); err != nil {
		fmt.Println(err)
	}
	// Output:
	// name,firstname,lastname,email/login,title,mobile,manager,Enabled,role,department,kind,language
	// The Boss,,,boss@acme.example,,,,TRUE,admin,,network,
}

// exampleDomain is a domain with an admin, in whose name the scope acts.
func exampleDomain(ctx context.Context) *chatadmin.Scope {
	admin, _ := chatadmin.New(memstore.New(nil), nil)
	domain, boss, err := admin.CreateDomain(ctx, chatadmin.NewDomain{Name: "Acme", Preset: chatadmin.OfficeChat,
		Admin: chatadmin.NewUser{Login: "boss@acme.example", DisplayName: "The Boss"}})
	if err != nil {
		panic(err)
	}
	return admin.As(domain.ID, boss.ID)
}
