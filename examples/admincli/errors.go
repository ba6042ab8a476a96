package main

import (
	"context"
	"errors"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/compliance"
	"chatadmin.example/sdk/chatadmin/preferences"
	"chatadmin.example/sdk/chatadmin/support"
	"chatadmin.example/sdk/devices"
	"chatadmin.example/sdk/integrations"
	"chatadmin.example/sdk/twofa"
)

// codes are the stable names of errors. An error may be several of them: the
// first in this order is told. The classes, which others wrap, stand at the
// end.
var codes = []struct {
	name string
	is   error
}{
	{"mail_failed", errMail},
	{"interrupted", context.Canceled},
	{"last_admin", chatadmin.ErrLastAdmin},
	{"held", chatadmin.ErrHeld},
	{"default_group", chatadmin.ErrDefaultGroup},
	{"shipped_group", chatadmin.ErrShippedGroup},
	{"not_in_subscription", chatadmin.ErrNotInSubscription},
	{"suspended", chatadmin.ErrSuspended},
	{"closing", chatadmin.ErrClosing},
	{"plan_stale", chatadmin.ErrPlanStale},
	{"throttled", chatadmin.ErrThrottled},
	{"link_busy", chatadmin.ErrLinkBusy},
	{"too_many", twofa.ErrTooMany},
	{"no_address", twofa.ErrNoAddress},
	{"not_enrolled", twofa.ErrNotEnrolled},
	{"refused", devices.ErrRefused},
	{"stale", devices.ErrStale},
	{"wipe_pending", devices.ErrWipePending},
	{"too_many_devices", devices.ErrTooMany},
	{"service_off", integrations.ErrServiceOff},
	{"not_connected", integrations.ErrNotConnected},
	{"unsure", integrations.ErrUnsure},
	{"no_mailer", support.ErrNoMailer},
	{"no_recipient", support.ErrNoRecipient},
	{"too_large", support.ErrTooLarge},
	{"no_recipient", compliance.ErrNoRecipient},
	{"agreement_open", compliance.ErrOpen},
	{"agreement_step", compliance.ErrStep},
	{"agreement_busy", compliance.ErrUnderWay},
	{"damaged", chatadmin.ErrDamaged},
	{"forbidden", chatadmin.ErrForbidden},
	{"exists", chatadmin.ErrExists},
	{"not_found", chatadmin.ErrNotFound},
	{"state", chatadmin.ErrTransition},
	{"state", devices.ErrState},
	{"state", chatadmin.ErrState},
	{"choose_account", preferences.ErrChooseAccount},
	{"state", support.ErrState},
	{"invalid", chatadmin.ErrInvalid},
}

// code is the stable name of an error.
func code(err error) string {
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return c.name
		}
	}
	return "failed"
}
