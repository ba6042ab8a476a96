package integrations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
	"chatadmin.example/sdk/chatadmin/texts"
)

// The kinds of audit events.
const (
	KindEnable     = "integration.enable"
	KindDisable    = "integration.disable"
	KindConfigure  = "integration.configure"
	KindConnect    = "integration.connect"
	KindDisconnect = "integration.disconnect"
	KindRetry      = "integration.retry"
	KindDiscard    = "integration.discard"
	KindLink       = "integration.link"
	KindReseal     = "integration.reseal"
	// KindMend is about a connection that a comparison with its provider
	// changed, such as by making a webhook again.
	KindMend = "integration.mend"
	// KindTraffic is no audit event: under it Options.Before is shown each
	// message that is queued or delivered.
	KindTraffic = "integration.traffic"
)

// ServiceStatus is a service as a domain sees it.
type ServiceStatus struct {
	Name     string          `json:"name"`
	Title    string          `json:"title"`
	PerUser  bool            `json:"per_user"`
	Enabled  bool            `json:"enabled"`
	Settings json.RawMessage `json:"settings,omitempty"` // for the whole domain; shown to who may change them
}

type serviceData struct {
	On       bool            `json:"on"`
	Settings json.RawMessage `json:"settings,omitempty"`

	rev storage.Rev
}

func serviceKey(domain chatadmin.ID, name string) storage.Key {
	return storage.Key{Kind: kindService, Domain: domain, ID: name}
}

func decodeService(r storage.Record) (serviceData, error) {
	d, err := serviceRecords.Decode(r)
	d.rev = r.Rev
	return d, err
}

// Services lists the services. An actor without chatadmin.PermServices sees
// only the enabled ones.
func (x *Integrations) Services(ctx context.Context, s *chatadmin.Scope) ([]ServiceStatus, error) {
	_, _, role, err := s.ViewAs(ctx, "")
	if err != nil {
		return nil, err
	}
	keys := make([]storage.Key, len(x.services))
	for i, svc := range x.services {
		keys[i] = serviceKey(s.Domain(), svc.Info().Name)
	}
	var rs []storage.Record
	if len(keys) > 0 {
		if rs, err = s.Admin().Store().Records(ctx, keys); err != nil {
			return nil, err
		}
	}
	found := map[string]serviceData{}
	for _, r := range rs {
		if found[r.ID], err = decodeService(r); err != nil { // it is off; enabling it repairs it
			x.admin.Options().Logger.ErrorContext(ctx, "integration: what the domain decided cannot be read", "service", r.ID, "error", err)
		}
	}
	all := role.May(chatadmin.PermServices)
	list := []ServiceStatus{}
	for _, svc := range x.services {
		i := svc.Info()
		st := ServiceStatus{Name: i.Name, Title: i.Title, PerUser: i.PerUser, Enabled: found[i.Name].On}
		if all {
			st.Settings = found[i.Name].Settings
		}
		if st.Enabled || all {
			list = append(list, st)
		}
	}
	return list, nil
}

// EnableService enables a service for the domain, with settings for the whole
// domain if it has any. Fields that are not given keep their value, null resets
// one, and nil keeps all. Enabling compares all connections with the provider.
// It needs chatadmin.PermServices.
func (x *Integrations) EnableService(ctx context.Context, s *chatadmin.Scope, name string, settings json.RawMessage) error {
	return x.switchService(ctx, s, KindEnable, name, true, settings)
}

// DisableService stops a service for the whole domain at once: nothing is sent
// to it or accepted from it. All settings are kept. Queued messages wait, at
// most a day. It needs chatadmin.PermServices.
func (x *Integrations) DisableService(ctx context.Context, s *chatadmin.Scope, name string) error {
	return x.switchService(ctx, s, KindDisable, name, false, nil)
}

func (x *Integrations) switchService(ctx context.Context, s *chatadmin.Scope, kind, name string, on bool, settings json.RawMessage) error {
	op := chatadmin.Op{Kind: kind, Need: chatadmin.PermServices, Fence: storage.NoFence, Targets: []chatadmin.ID{s.Domain()}}
	return s.Change(ctx, op, func(ctx context.Context, w *chatadmin.Writer) error {
		svc, err := x.service(name)
		if err != nil {
			return err
		}
		was, err := readService(ctx, w, s.Domain(), name)
		if errors.Is(err, chatadmin.ErrDamaged) { // this call repairs it
			was, err = serviceData{rev: was.rev, On: !on}, nil
		}
		if err != nil {
			return err
		}
		now := serviceData{On: on, Settings: was.Settings}
		if on && (settings != nil || was.rev == 0 || len(was.Settings) == 0) {
			if now.Settings, err = svc.CheckDomain(merge(was.Settings, settings)); err != nil {
				return err
			}
		}
		if was.On == now.On && string(was.Settings) == string(now.Settings) && (was.rev != 0 || !on) {
			return nil
		}
		changed, err := row(&serviceRecords, serviceKey(s.Domain(), name), "", &now)
		if err != nil {
			return err
		}
		changes := []storage.Write[storage.Record]{{Row: changed, Was: was.rev}}
		if on { // providers remove webhooks that do not answer
			_, rev, err := readCheck(ctx, w, s.Domain(), Of{Service: name})
			if err != nil {
				return err
			}
			check, err := checkAt(s.Domain(), Of{Service: name}, checkData{}, rev, w.Now())
			if err != nil {
				return err
			}
			changes = append(changes, check)
		}
		if err := w.PutRecords(ctx, changes); err != nil {
			return err
		}
		w.Audit(kind, op.Targets, map[chatadmin.ID][]chatadmin.FieldChange{s.Domain(): diff("settings", was.Settings, now.Settings)}, map[string]string{"service": name})
		return nil
	})
}

// merge returns settings with the fields of given in place of those they had.
// If one of them is not an object, it returns given.
func merge(was, given json.RawMessage) json.RawMessage {
	var old, now map[string]json.RawMessage
	if given == nil {
		return was
	}
	if json.Unmarshal(was, &old) != nil || json.Unmarshal(given, &now) != nil || old == nil || now == nil {
		return given
	}
	maps.Copy(old, now)
	both, err := json.Marshal(old)
	if err != nil {
		return given
	}
	return both
}

func diff(field string, was, now json.RawMessage) []chatadmin.FieldChange {
	if string(was) == string(now) {
		return nil
	}
	return []chatadmin.FieldChange{{Field: field, Before: string(was), After: string(now)}}
}

func readService(ctx context.Context, r storage.Reader, domain chatadmin.ID, name string) (serviceData, error) {
	rs, err := r.Records(ctx, []storage.Key{serviceKey(domain, name)})
	if err != nil || len(rs) == 0 {
		return serviceData{}, err
	}
	return decodeService(rs[0])
}

// decided is what a domain has decided about a service. What cannot be read is
// off.
func decided(ctx context.Context, r storage.Reader, domain chatadmin.ID, name string) (serviceData, error) {
	d, err := readService(ctx, r, domain, name)
	if errors.Is(err, chatadmin.ErrDamaged) {
		return serviceData{rev: d.rev}, nil
	}
	return d, err
}

// off is ErrServiceOff with the names of admins to ask.
func (x *Integrations) off(ctx context.Context, r storage.Reader, domain chatadmin.ID, svc Service) error {
	admins, _, err := storage.FirstPage(ctx, r.ListUsers, chatadmin.UserQuery{Domain: domain, AdminOnly: true}, 10)
	if err != nil {
		return err
	}
	var names []string
	for _, u := range admins {
		if u.AdminInForce() && len(names) < 3 {
			name := u.DisplayName
			if name == "" {
				name = u.Login
			}
			names = append(names, name)
		}
	}
	return texts.Explain(fmt.Errorf("%s is %w: ask a domain admin (%s) to enable it among the domain's services", svc.Info().Title, ErrServiceOff, strings.Join(names, ", ")),
		"why.service_off", svc.Info().Title, strings.Join(names, ", "))
}
