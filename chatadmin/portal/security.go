package portal

import (
	"encoding/json"
	"fmt"
	"time"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/devices"
)

func (p *Portal) securityRoutes() (routes []route) {
	if p.o.Devices != nil {
		const need = chatadmin.PermDevices
		routes = append(routes,
			route{pattern: "GET /security/devices", need: need, serve: (*view).devices},
			route{pattern: "POST /security/devices/disable", need: need, serve: (*view).disableDevices},
			route{pattern: "POST /security/devices/enable", need: need, serve: (*view).enableDevices},
			route{pattern: "GET /security/devices/wipe", need: need, serve: (*view).reviewWipe},
			route{pattern: "POST /security/devices/wipe", need: need, serve: (*view).wipeDevices},
			route{pattern: "POST /security/devices/cancel", need: need, serve: (*view).cancelWipe},
			route{pattern: "POST /security/devices/remove", need: need, serve: (*view).removeDevices},
		)
	}
	if p.o.TwoFactor != nil {
		const need = chatadmin.PermTwoFactor
		routes = append(routes,
			route{pattern: "GET /security/browser", need: need, serve: (*view).browserAccess},
			route{pattern: "GET /security/browser/review", need: need, serve: (*view).reviewBrowserAccess},
			route{pattern: "POST /security/browser", need: need, serve: (*view).saveBrowserAccess},
		)
	}
	return routes
}

// devicesPage is the list "User Devices".
type devicesPage struct {
	*view
	paging
	Rows    []devices.Device
	Filters []field
	Search  string
}

func (v *view) devices() error {
	q := devices.Query{Search: v.query("q")}
	var err error
	if s := v.query("status"); s != "" {
		if q.Status, err = devices.ParseStatus(s); err != nil {
			return err
		}
	}
	if s := v.query("type"); s != "" {
		if q.Type, err = devices.ParseType(s); err != nil {
			return err
		}
	}
	rows, next, err := v.p.o.Devices.DevicesPage(v.r.Context(), v.s, q, v.page(pageSize))
	if err != nil {
		return err
	}
	page := devicesPage{view: v, paging: v.paging(next), Rows: rows, Search: q.Search}
	types := []option{{"", v.T("list.all")}}
	for t := devices.IOS; t <= devices.OtherType; t++ {
		types = append(types, option{t.String(), v.T("device." + t.String())})
	}
	page.Filters = []field{
		{Name: "type", Label: v.T("devices.type"), Value: v.query("type"), Options: types},
		{Name: "status", Label: v.T("devices.status"), Value: v.query("status"), Options: []option{{"", v.T("list.all")},
			{"enabled", v.T("devices.enabled")}, {"disabled", v.T("devices.disabled")}}},
	}
	return v.render("devices", page)
}

// DeviceBadges say whether a device is let in, and how far a wipe is.
func (v *view) DeviceBadges(d devices.Device) (all []badge) {
	if d.Status == devices.Enabled {
		all = append(all, badge{v.T("devices.enabled"), "good"})
	} else {
		all = append(all, badge{v.T("devices.disabled"), "bad"})
	}
	if d.Wipe != devices.None {
		tone := "warn"
		if d.Wipe == devices.Failed {
			tone = "bad"
		}
		all = append(all, badge{v.T("wipe." + d.Wipe.String()), tone})
	}
	if d.Damaged {
		all = append(all, badge{v.T("devices.damaged"), "bad"})
	}
	return all
}

// onDevices reads which devices an action is about.
func (v *view) onDevices() (devices.Selection, error) {
	v.back = "/security/devices"
	f, err := v.form()
	if err != nil {
		return devices.Selection{}, err
	}
	v.backTo(v.back, f)
	chosen := ids(f["device"])
	if len(chosen) == 0 {
		return devices.Selection{}, said(v.T("devices.select_first"), chatadmin.ErrInvalid)
	}
	return devices.These(chosen...), nil
}

func (v *view) disableDevices() error {
	sel, err := v.onDevices()
	if err != nil {
		return err
	}
	if _, err := v.p.o.Devices.Disable(v.r.Context(), v.s, sel); err != nil {
		return err
	}
	return v.done(v.back, "devices.were_disabled", len(sel.Devices))
}

func (v *view) enableDevices() error {
	sel, err := v.onDevices()
	if err != nil {
		return err
	}
	if _, err := v.p.o.Devices.Enable(v.r.Context(), v.s, sel, nil); err != nil {
		return err
	}
	return v.done(v.back, "devices.were_enabled", len(sel.Devices))
}

func (v *view) removeDevices() error {
	sel, err := v.onDevices()
	if err != nil {
		return err
	}
	if err := v.p.o.Devices.Remove(v.r.Context(), v.s, sel); err != nil {
		return err
	}
	return v.done(v.back, "devices.were_removed", len(sel.Devices))
}

func (v *view) cancelWipe() error {
	sel, err := v.onDevices()
	if err != nil {
		return err
	}
	for _, id := range sel.Devices {
		if _, err := v.p.o.Devices.CancelWipe(v.r.Context(), v.s, id); err != nil {
			return err
		}
	}
	return v.done(v.back, "devices.wipe_cancelled", len(sel.Devices))
}

// wipeReview is the plan of wipes, to be confirmed.
type wipeReview struct {
	*view
	Plan     *devices.WipePlan
	JSON     string
	Counts   []count
	Warnings messages
}

func (v *view) reviewWipe() error {
	v.backTo("/security/devices", v.r.URL.Query())
	plan, err := v.p.o.Devices.PlanWipe(v.r.Context(), v.s, devices.These(ids(v.r.URL.Query()["device"])...))
	if err != nil {
		return err
	}
	data, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	return v.render("wipe", wipeReview{v, plan, string(data), v.counts(plan.Counts), v.warnings(plan.Warnings)})
}

func (v *view) wipeDevices() error {
	v.back = "/security/devices"
	f, err := v.form()
	if err != nil {
		return err
	}
	v.backTo(v.back, f)
	var plan devices.WipePlan
	if err := json.Unmarshal([]byte(f.Get("plan")), &plan); err != nil {
		return fmt.Errorf("the plan cannot be read: %w", chatadmin.ErrInvalid)
	}
	run, err := v.p.o.Devices.ApplyWipe(v.r.Context(), v.s.Detached(), &plan, nil)
	if err != nil {
		return err
	}
	v.p.o.Wake()
	return v.began(run.ID, "devices.wipe_begun", len(plan.Devices))
}

// days is a period in whole days.
func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
