package portal

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/fields"
)

func (p *Portal) fieldRoutes() []route {
	if p.o.Fields == nil {
		return nil
	}
	const need = chatadmin.PermDomain
	return []route{
		{pattern: "GET /fields", need: need, serve: func(v *view) error { return v.showFields(nil, nil) }},
		{pattern: "POST /fields", need: need, serve: (*view).declareField},
		{pattern: "GET /fields/remove", need: need, serve: (*view).reviewRemoveField},
		{pattern: "POST /fields/remove", need: need, serve: (*view).removeField},
		{pattern: "GET /fields/find", need: chatadmin.PermUsersRead, serve: (*view).findByField},
	}
}

// fieldsPage lists the fields that the domain has declared.
type fieldsPage struct {
	*view
	Rows    []fields.Field
	Fields  []field
	Problem string
}

func (v *view) showFields(f url.Values, wrong error) error {
	rows, err := v.p.o.Fields.List(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	page := fieldsPage{view: v, Rows: rows}
	kinds := []option{}
	for _, k := range []fields.Kind{fields.Text, fields.Number, fields.Date, fields.Choice} {
		kinds = append(kinds, option{string(k), v.FieldKind(k)})
	}
	page.Fields = []field{
		{Name: "name", Label: v.T("fields.name"), Type: "text", Value: f.Get("name"), Required: true, Max: 64, Autocomplete: "off"},
		{Name: "kind", Label: v.T("fields.kind"), Value: f.Get("kind"), Options: kinds},
		{Name: "choices", Label: v.T("fields.choices"), Help: v.T("fields.choices_help"), Type: "textarea", Value: f.Get("choices"), Max: 12000},
	}
	page.Problem = v.complain(page.Fields, wrong)
	return v.renderStatus(formStatus(wrong), "fields", &page)
}

// FieldKind is a kind in words.
func (v *view) FieldKind(k fields.Kind) string { return v.T("fields.kind_" + string(k)) }

func (v *view) declareField() error {
	v.back = "/fields"
	f, err := v.form()
	if err != nil {
		return err
	}
	declared := fields.Field{Name: f.Get("name"), Kind: fields.Kind(f.Get("kind"))}
	for line := range strings.Lines(f.Get("choices")) {
		if c := strings.TrimSpace(line); c != "" {
			declared.Choices = append(declared.Choices, c)
		}
	}
	run, err := v.p.o.Fields.Declare(v.r.Context(), v.s.Detached(), declared, nil)
	if err != nil {
		return v.again(err, func() error { return v.showFields(f, err) })
	}
	if run == nil {
		return v.done(v.back, "fields.declared", declared.Name)
	}
	v.p.o.Wake()
	return v.done("/runs/"+string(run.ID), "fields.declares", declared.Name)
}

// fieldReview is the plan of removing a field, to be confirmed.
type fieldReview struct {
	*view
	Plan *fields.Plan
	JSON string
}

func (v *view) reviewRemoveField() error {
	v.back = "/fields"
	plan, err := v.p.o.Fields.Plan(v.r.Context(), v.s, v.query("name"))
	if err != nil {
		return err
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	return v.render("fieldremove", fieldReview{v, plan, string(data)})
}

func (v *view) removeField() error {
	v.back = "/fields"
	f, err := v.form()
	if err != nil {
		return err
	}
	var plan fields.Plan
	if err := json.Unmarshal([]byte(f.Get("plan")), &plan); err != nil {
		return fmt.Errorf("the plan cannot be read: %w", chatadmin.ErrInvalid)
	}
	run, err := v.p.o.Fields.Apply(v.r.Context(), v.s.Detached(), &plan, nil)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.done("/runs/"+string(run.ID), "fields.removes", plan.Field.Name)
}

// foundPage lists the users who have a value in a field.
type foundPage struct {
	*view
	paging
	Fields []field
	Rows   []chatadmin.User
	Asked  bool
}

func (v *view) findByField() error {
	v.back = "/fields/find"
	declared, err := v.p.o.Fields.List(v.r.Context(), v.s)
	if err != nil {
		return err
	}
	names := []option{}
	for _, d := range declared {
		names = append(names, option{d.Name, d.Name})
	}
	page := foundPage{view: v, Asked: v.query("field") != "" && v.query("value") != ""}
	page.Fields = []field{
		{Name: "field", Label: v.T("fields.name"), Value: v.query("field"), Options: names},
		{Name: "value", Label: v.T("fields.value"), Type: "search", Value: v.query("value"), Max: 250, Autocomplete: "off"},
	}
	if page.Asked {
		us, next, err := v.p.o.Fields.FindPage(v.r.Context(), v.s, v.query("field"), v.query("value"), v.page(pageSize))
		if err != nil {
			return err
		}
		page.Rows, page.paging = us, v.paging(next)
	}
	return v.render("fieldfind", &page)
}
