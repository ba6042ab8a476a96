package csvimport

import (
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// note is a Note as it is kept: what the row's own cells say again is left out.
type note struct {
	Row  int    `json:"r"` // counted from the start of the batch
	Code string `json:"c"`
	Col  int16  `json:"k"` // column; -1: the row as a whole
	Arg  string `json:"a,omitempty"`
}

func isWarning(code string) bool {
	switch code {
	case CodeEnabledIgnored, CodeNoManager, CodeOwnManager, CodeManagerCircle, CodeManagerForbidden, CodeNullWord, CodeRuined, CodeDamaged, CodeDropped, CodeShortRow,
		CodeNewLogin, CodeNoGroup, CodeBadLanguage:
		return true
	}
	return false
}

// explain turns a kept note into a Note, with the row's cells at hand.
func (n note) explain(h *header, r *row) Note {
	out := Note{Code: n.Code, Warning: isWarning(n.Code), Message: n.Arg}
	if n.Col >= 0 {
		c := column(n.Col)
		out.Column, out.Value = h.title(c), chatadmin.Cut(r.text(c))
	}
	if text, ok := messages[n.Code]; ok {
		out.Message = text
	}
	switch n.Code {
	case CodeDuplicate:
		out.Message = fmt.Sprintf("line %s has the same login: the first one counts", n.Arg)
	case CodeBadEnabled:
		if out.Message = "write TRUE or FALSE, or leave the cell blank"; n.Arg == botStatus {
			out.Message = "this is the account of a program, not of a person: remove the line"
		}
	case CodeNoGroup:
		out.Message = fmt.Sprintf("there is no such group, or you may not add members to it: %s; the user does not join it", n.Arg)
	}
	return out
}

// messages are the sentences of the codes that need no more than that.
var messages = map[string]string{
	CodeNotCreated:       "there is no such user, and Enabled is FALSE: nobody was created",
	CodeExists:           "this user exists, and existing users are skipped",
	CodeAllOrNothing:     "nothing was changed: another line has a fault, and all or nothing was asked for",
	CodeNullWord:         "this stands for nothing: the cell counts as blank",
	CodeRuined:           "a spreadsheet has put this in the place of the value: it is not stored; format the column as text",
	CodeDamaged:          "this text was decoded twice: it does not overwrite what is stored; export the file anew as UTF-8",
	CodeDropped:          "invisible characters were dropped from it",
	CodeShortRow:         "the line has fewer cells than the headings: the missing ones count as blank",
	CodeNewLogin:         "from now on the user signs in with this login",
	CodeBadLanguage:      "this is not a language tag such as en or de-CH: it is not stored",
	CodeLost:             "what became of this line is not known, since its record was damaged: import the file again to be sure",
	CodeNoUser:           "there is no user with the old login: nobody got the new one",
	CodeUnreadable:       "what is stored of this user cannot be read: repair it first",
	CodeForbidden:        "this user's role stands above yours",
	CodeForbiddenRole:    "a file cannot grant a role that is not below your own: assign it by hand",
	CodeSelf:             "you cannot take your own access or role away by an import",
	CodeLastAdmin:        "the domain would be left without an administrator",
	CodeDeleting:         "this user is being deleted: import the line again afterwards",
	CodeEnabledIgnored:   "Enabled was not looked at, since existing users are skipped",
	CodeNoManager:        "there is no such manager, neither in the domain nor in this file: no manager was set",
	CodeOwnManager:       "nobody is their own manager: no manager was set",
	CodeManagerForbidden: "this user's role has come to stand above yours: no manager was set",
	CodeManagerCircle:    "this manager reports to the user, directly or over others: no manager was set",
}
