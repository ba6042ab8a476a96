package portal

import (
	"errors"
	"net/url"
	"slices"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
)

func (p *Portal) agreementRoutes() []route {
	if p.o.Agreements == nil {
		return nil
	}
	const need = chatadmin.PermDomain
	return []route{
		{pattern: "GET /compliance/baa", need: need, serve: (*view).agreements},
		{pattern: "POST /compliance/baa", need: need, serve: (*view).requestAgreement},
		{pattern: "GET /compliance/baa/{id}", need: need, serve: (*view).agreement},
		{pattern: "POST /compliance/baa/{id}/step", need: need, serve: (*view).advanceAgreement},
	}
}

// agreementsPage lists the business associate agreements of the domain, and
// requests one.
type agreementsPage struct {
	*view
	paging
	Rows    []agreementRow
	Fields  []field
	Problem string
}

type agreementRow struct {
	compliance.Agreement
	badge
}

func (v *view) agreements() error { return v.showAgreements(nil, nil) }

func (v *view) showAgreements(f url.Values, wrong error) error {
	ctx := v.r.Context()
	all, next, err := v.p.o.Agreements.AgreementsPage(ctx, v.s, compliance.Query{}, v.page(pageSize))
	if err != nil {
		return err
	}
	page := agreementsPage{view: v, paging: v.paging(next)}
	for _, a := range all {
		page.Rows = append(page.Rows, agreementRow{a, v.agreementBadge(&a)})
	}
	if next == "" && !slices.ContainsFunc(all, func(a compliance.Agreement) bool { return !a.Ended() }) {
		form, err := v.p.o.Agreements.Form(ctx, v.s)
		if err != nil {
			return err
		}
		page.Fields = v.agreementFields(form, f)
	}
	page.Problem = v.complain(page.Fields, wrong)
	return v.renderStatus(formStatus(wrong), "baa", &page)
}

// agreementFields are the fields of a request, in the order of the help page.
func (v *view) agreementFields(form compliance.Form, f url.Values) []field {
	price := form.Price
	if prices := v.p.o.Agreements.Prices(); price == "" && len(prices) > 0 {
		price = prices[0].Text
	}
	fields := []field{
		{Name: "domain", Label: v.T("baa.domain"), Value: form.Domain, Max: 250},
		{Name: "new_domain", Label: v.T("baa.new_domain"), Help: v.T("baa.new_domain_help"), Value: form.NewDomain, Max: 250},
		{Name: "admin_email", Label: v.T("baa.admin_email"), Type: "email", Value: form.AdminEmail, Max: 254},
		{Name: "signer_email", Label: v.T("baa.signer_email"), Help: v.T("baa.signer_help"), Type: "email", Value: form.SignerEmail, Max: 254},
		{Name: "seats", Label: v.T("baa.seats"), Type: "number", Value: strconv.Itoa(form.Seats)},
		{Name: "plan", Label: v.T("baa.plan"), Value: form.Plan, Max: 250},
		{Name: "acknowledge", Label: v.T("baa.acknowledge", price), Required: true, Max: 10},
	}
	for i := range fields {
		if fields[i].Autocomplete = "off"; fields[i].Type == "" {
			fields[i].Type = "text"
		}
		if f != nil {
			fields[i].Value = f.Get(fields[i].Name)
		}
	}
	return fields
}

func (v *view) agreementBadge(a *compliance.Agreement) badge {
	tone := "warn"
	switch {
	case a.State == compliance.Cancelled:
		tone = "mute"
	case a.Ended():
		tone = "good"
	case a.Problem != "":
		tone = "bad"
	}
	return badge{v.T("baa.state_" + string(a.State)), tone}
}

func (v *view) requestAgreement() error {
	v.back = "/compliance/baa"
	f, err := v.form()
	if err != nil {
		return err
	}
	a, err := v.p.o.Agreements.Request(v.r.Context(), v.s, compliance.Form{Domain: f.Get("domain"), NewDomain: f.Get("new_domain"),
		AdminEmail: f.Get("admin_email"), SignerEmail: f.Get("signer_email"), Seats: number(f.Get("seats")), Plan: f.Get("plan"), Acknowledge: f.Get("acknowledge")})
	if err != nil {
		return v.again(err, func() error { return v.showAgreements(f, err) })
	}
	v.p.o.Wake()
	return v.done("/compliance/baa/"+url.PathEscape(string(a.ID)), "baa.requested")
}

// agreementPage is one agreement: its form, its steps, and what follows.
type agreementPage struct {
	*view
	Agreement compliance.Agreement
	Badge     badge
	Form      []count
	Steps     []stepRow
	Waits     string // for whom, in a sentence
	Mine      []compliance.Step
	Document  *field
}

type stepRow struct {
	compliance.Made
	Name string
	By   string
}

// customerSteps are made by an administrator of the customer. All others are
// the vendor's.
var customerSteps = []compliance.Step{compliance.Invite, compliance.Bill, compliance.Sign}

func (v *view) agreement() error {
	v.back = "/compliance/baa"
	a, err := v.p.o.Agreements.Agreement(v.r.Context(), v.s, chatadmin.ID(v.r.PathValue("id")))
	if err != nil {
		return err
	}
	page := agreementPage{view: v, Agreement: a, Badge: v.agreementBadge(&a)}
	f := a.Form
	page.Form = []count{{v.T("baa.domain"), f.Domain}, {v.T("baa.new_domain"), f.NewDomain}, {v.T("baa.admin_email"), f.AdminEmail},
		{v.T("baa.signer_email"), f.SignerEmail}, {v.T("baa.seats"), v.words.Sprintf("%d", f.Seats)}, {v.T("baa.plan"), f.Plan}, {v.T("baa.price"), f.Price}}
	page.Form = slices.DeleteFunc(page.Form, func(c count) bool { return c.Number == "" })
	var by []chatadmin.ID
	for _, s := range a.Steps {
		by = append(by, s.By)
	}
	names, err := v.namesOf(by)
	if err != nil {
		return err
	}
	for _, s := range a.Steps {
		page.Steps = append(page.Steps, stepRow{s, v.StepName(s.Step), names[s.By]})
	}
	switch here := v.s.Domain() == a.New; {
	case a.Ended():
	case slices.Contains(customerSteps, a.Next) && here:
		page.Mine = append(page.Mine, a.Next)
		if a.Next == compliance.Sign {
			page.Document = &field{Name: "document", Label: v.T("baa.document"), Help: v.T("baa.document_help"), Type: "text", Max: 250, Autocomplete: "off"}
		}
	case slices.Contains(customerSteps, a.Next):
		page.Waits = v.T("baa.waits_new")
	default:
		page.Waits = v.T("baa.waits_vendor")
	}
	if a.State == compliance.Requested && a.Doing == nil {
		page.Mine = append(page.Mine, compliance.Cancel)
	}
	return v.render("baaone", &page)
}

// StepName is a step in words.
func (v *view) StepName(s compliance.Step) string { return v.T("baa.step_" + string(s)) }

func (v *view) advanceAgreement() error {
	id := chatadmin.ID(v.r.PathValue("id"))
	v.back = "/compliance/baa/" + url.PathEscape(string(id))
	f, err := v.form()
	if err != nil {
		return err
	}
	a, err := v.p.o.Agreements.Advance(v.r.Context(), v.s, id, compliance.Step(f.Get("step")), compliance.Input{Document: f.Get("document")})
	if err != nil {
		if errors.Is(err, chatadmin.ErrNotFound) {
			v.back = "/compliance/baa"
		}
		return err
	}
	v.p.o.Wake()
	return v.done(v.back, "baa.advanced", v.T("baa.state_"+string(a.State)))
}
