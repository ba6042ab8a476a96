package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/erase"
	"chatadmin.example/sdk/chatadmin/texts"
)

// deletionReview is the plan of a deletion, to be confirmed.
type deletionReview struct {
	*view
	Plan     *erase.Plan
	JSON     string
	Users    []chatadmin.User
	Counts   []count
	Keeps    []count
	Blockers messages
	Warnings messages
	Grace    int // days
	Transfer field
	Reason   field
	Problem  string
}

// reviewDeletion shows what deleting users would remove.
func (v *view) reviewDeletion(us []chatadmin.User) error {
	heir := v.query("transfer")
	choice, problem := &erase.Choice{}, ""
	if heir != "" {
		u, err := v.s.UserByLogin(v.r.Context(), heir)
		switch {
		case errors.Is(err, chatadmin.ErrNotFound):
			problem = v.T("delete.no_heir", heir)
		case err != nil:
			return err
		}
		choice.TransferAll = u.ID
	}
	ids := make([]chatadmin.ID, len(us))
	for i := range us {
		ids[i] = us[i].ID
	}
	plan, err := v.p.o.Deletions.Plan(v.r.Context(), v.s, ids, choice)
	if err != nil {
		return err
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	review := deletionReview{view: v, Plan: plan, JSON: string(data), Users: us, Grace: int(plan.Grace.Hours() / 24),
		Counts: v.counts(plan.Counts), Keeps: v.counts(plan.Alternative.Keeps), Warnings: v.warnings(plan.Warnings),
		Transfer: field{Name: "transfer", Label: v.T("delete.transfer"), Help: v.T("delete.transfer_help"), Value: heir, Error: problem},
		Reason:   field{Name: "reason", Label: v.T("delete.reason"), Help: v.T("delete.reason_help"), Type: "textarea", Required: true, Max: 1000}}
	review.Blockers = messages{Heading: v.T("plan.blockers"), Tone: "bad"}
	for _, b := range plan.Blockers {
		review.Blockers.List = append(review.Blockers.List, v.blocker(plan, b))
	}
	return v.render("userdelete", review)
}

// deleteUsers applies the plan that was shown. The run goes on in the worker.
func (v *view) deleteUsers() error {
	v.back = "/users"
	form, err := v.form()
	if err != nil {
		return err
	}
	v.onUsers(form)
	var plan erase.Plan
	if err := json.Unmarshal([]byte(form.Get("plan")), &plan); err != nil {
		return fmt.Errorf("the plan cannot be read: %w", chatadmin.ErrInvalid)
	}
	run, err := v.p.o.Deletions.Apply(v.r.Context(), v.s.Detached(), &plan, form.Get("reason"), nil)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	key := "delete.begun"
	if run.State == chatadmin.RunScheduled {
		key = "delete.scheduled"
	}
	return v.began(run.ID, key, len(plan.Users))
}

// counts are the numbers of a plan or a report that are not zero, in the order
// of their names.
func (v *view) counts(of map[string]int64) (all []count) {
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		if of[kind] == 0 {
			continue
		}
		name := kind
		if v.Has("count." + kind) {
			name = v.T("count." + kind)
		}
		all = append(all, count{name, v.words.Sprintf("%d", of[kind])})
	}
	return all
}

// blocker says what stands in the way; in other languages than English with the
// login of the user whom it is about.
func (v *view) blocker(plan *erase.Plan, b erase.Blocker) string {
	text := v.Say(texts.Message{Code: "fault." + b.Code, Text: b.Message})
	for _, u := range plan.Users {
		if u.ID == b.Subject && text != capital(b.Message) {
			return u.Login + ": " + text
		}
	}
	return text
}
