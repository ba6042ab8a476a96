package portal

import (
	"chatadmin.example/sdk/chatadmin/signin"
)

// refusedPage lists whose sign-ins were refused last.
type refusedPage struct {
	*view
	paging
	Rows    []signin.RefusedUser
	Search  string
	Filters []field
}

func (v *view) refused() error {
	q := signin.RefusedQuery{Search: v.query("q"), Client: signin.Client(v.query("client")), Reason: signin.Reason(v.query("reason"))}
	rows, next, err := v.p.o.Gate.RefusalsPage(v.r.Context(), v.s, q, v.page(pageSize))
	if err != nil {
		return err
	}
	page := refusedPage{view: v, paging: v.paging(next), Rows: rows, Search: q.Search}
	reasons, clients := []option{{"", v.T("list.all")}}, []option{{"", v.T("list.all")}}
	for _, why := range signin.Reasons() {
		reasons = append(reasons, option{string(why), v.ReasonText(why)})
	}
	for _, c := range signInClients {
		clients = append(clients, option{string(c), v.ClientName(c)})
	}
	page.Filters = []field{
		{Name: "reason", Label: v.T("refused.reason"), Value: v.query("reason"), Options: reasons},
		{Name: "client", Label: v.T("user.client"), Value: v.query("client"), Options: clients},
	}
	return v.render("refused", &page)
}

// ReasonText is why a sign-in was refused, in words.
func (v *view) ReasonText(why signin.Reason) string { return v.T("refused.reason_" + string(why)) }
