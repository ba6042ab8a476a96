package main

import (
	"context"
	"errors"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/signin"
)

// gate stands where signin.Gate belongs, and has the same two calls: to change to that, delete this file, let server.gate be a *signin.Gate, and make it by
// signin.New(admin, &signin.Options{SecondFactor: second}). This one counts no failures and locks nobody.
type gate struct {
	admin  *chatadmin.Admin
	second signin.SecondFactor
}

// decision is who comes in, or what is still asked.
type decision struct {
	User      chatadmin.User
	Challenge *signin.Challenge
	Trust     string
	Retry     bool // the challenge takes another answer

	allowed bool
}

// Allowed reports whether the user comes in.
func (d decision) Allowed() bool { return d.allowed }

// SignIn decides an attempt whose first factor verify checks.
func (g *gate) SignIn(ctx context.Context, domain chatadmin.ID, a signin.Attempt, verify func(context.Context, chatadmin.User) (bool, error)) (decision, error) {
	_, set, err := g.admin.AsHost(domain).View(ctx, "")
	if err != nil {
		return decision{}, err
	}
	users, err := g.admin.Store().UsersByLogin(ctx, domain, []string{chatadmin.Fold(a.Login)})
	if err != nil {
		return decision{}, err
	}
	var u chatadmin.User
	if len(users) > 0 && comesIn(&users[0]) {
		u = users[0]
	}
	if ok, err := verify(ctx, u); err != nil || !ok || u.ID == "" {
		return decision{}, err
	}
	asked, err := g.second.Ask(ctx, &set, u, a)
	if err != nil {
		return decision{}, err
	}
	return decision{User: u, Challenge: asked.Challenge, Trust: asked.Trust, allowed: asked.Challenge == nil}, nil
}

// Complete decides a sign-in whose challenge is answered.
func (g *gate) Complete(ctx context.Context, domain chatadmin.ID, challenge, code string, remember bool) (decision, error) {
	open, err := g.second.Open(ctx, domain, challenge)
	if errors.Is(err, chatadmin.ErrNotFound) {
		return decision{}, nil
	}
	if err != nil {
		return decision{}, err
	}
	answer, err := g.second.Answer(ctx, open, code, remember)
	if err != nil || !answer.Right {
		return decision{Retry: err == nil && !answer.Dead}, err
	}
	users, err := g.admin.Store().Users(ctx, domain, []chatadmin.ID{open.User})
	if err != nil || len(users) == 0 || !comesIn(&users[0]) {
		return decision{}, err
	}
	return decision{User: users[0], Trust: answer.Trust, allowed: true}, nil
}

func comesIn(u *chatadmin.User) bool {
	return u.Status != chatadmin.Deactivated && !u.Denied && !u.Deleting
}
