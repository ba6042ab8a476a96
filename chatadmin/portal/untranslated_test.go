package portal_test

// untranslated are keys of texts/en.json that the other languages still lack.
var untranslated = []string{
	"baa.about", "baa.acknowledge", "baa.admin_email", "baa.advanced", "baa.at", "baa.document", "baa.document_help",
	"baa.domain", "baa.mail", "baa.mail_failed", "baa.mail_sent", "baa.mail_unknown", "baa.mail_waiting",
	"baa.new_domain", "baa.new_domain_help", "baa.plan", "baa.price", "baa.request", "baa.requested", "baa.seats",
	"baa.send", "baa.signer_email", "baa.signer_help", "baa.state_billing_on_file", "baa.state_cancelled",
	"baa.state_countersigned", "baa.state_delivered", "baa.state_funds_settled", "baa.state_old_closed",
	"baa.state_old_closing", "baa.state_old_suspended", "baa.state_provisioned", "baa.state_requested",
	"baa.state_sent", "baa.state_signed", "baa.state_staff_invited", "baa.step_bill", "baa.step_cancel",
	"baa.step_close", "baa.step_countersign", "baa.step_deliver", "baa.step_finish", "baa.step_invite",
	"baa.step_provision", "baa.step_send", "baa.step_settle", "baa.step_sign", "baa.step_suspend", "baa.steps",
	"baa.the_request", "baa.title", "baa.waits_new", "baa.waits_vendor", "closing.about", "closing.applied",
	"closing.at_once", "closing.cancel", "closing.cancelled", "closing.days", "closing.days_help", "closing.grace",
	"closing.receipt", "closing.title", "compliance.title", "count.audit_events", "count.never", "event.baa.request",
	"groups.archive", "groups.archived", "groups.in_use", "groups.show", "groups.unarchive", "groups.was_archived",
	"groups.was_unarchived", "holds.about", "holds.group", "holds.group_help", "holds.none", "holds.place",
	"holds.placed", "holds.release", "holds.released", "holds.subject", "holds.title", "holds.user",
	"holds.user_help", "retention.about", "retention.before", "retention.begun", "retention.days",
	"retention.days_help", "retention.delete_now", "retention.for_ever", "retention.held", "retention.limit",
	"retention.nothing", "retention.now", "retention.title", "retention.what_now", "run.closing", "signins.before",
	"signins.begun", "signins.client_android", "signins.client_desktop", "signins.client_ios", "signins.client_mac",
	"signins.client_unknown", "signins.client_web", "signins.days_help", "signins.deactivate", "signins.idle_for",
	"signins.last", "signins.never", "signins.only_never", "signins.review", "signins.seen", "signins.title",
	"signins.with_never",
}
