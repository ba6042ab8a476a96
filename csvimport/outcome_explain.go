package csvimport

import (
	"fmt"

	"chatadmin.example/sdk/chatadmin"
)

// note is a Note as it is kept: what the row's own cells say again is left out.
type note struct {
	Row  int    `json:"r"` // counted from the start of the batch
	Code string `json:"c"`
	Col  int8   `json:"k"` // column; -1: the row as a whole
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
	switch n.Code {
	case CodeNotCreated:
		out.Message = "there is no such user, and Enabled is FALSE: nobody was created"
	case CodeExists:
		out.Message = "this user exists, and existing users are skipped"
	case CodeAllOrNothing:
		out.Message = "nothing was changed: another line has a fault, and all or nothing was asked for"
	case CodeDuplicate:
		out.Message = fmt.Sprintf("line %s has the same login: the first one counts", n.Arg)
	case CodeBadEnabled:
		if out.Message = "write TRUE or FALSE, or leave the cell blank"; n.Arg == botStatus {
			out.Message = "this is the account of a program, not of a person: remove the line"
		}
	case CodeNullWord:
		out.Message = "this stands for nothing: the cell counts as blank"
	case CodeRuined:
		out.Message = "a spreadsheet has put this in the place of the value: it is not stored; format the column as text"
	case CodeDamaged:
		out.Message = "this text was decoded twice: it does not overwrite what is stored; export the file anew as UTF-8"
	case CodeDropped:
		out.Message = "invisible characters were dropped from it"
	case CodeShortRow:
		out.Message = "the line has fewer cells than the headings: the missing ones count as blank"
	case CodeNewLogin:
		out.Message = "from now on the user signs in with this login"
	case CodeNoGroup:
		out.Message = fmt.Sprintf("there is no such group, or you may not add members to it: %s; the user does not join it", n.Arg)
	case CodeBadLanguage:
		out.Message = "this is not a language tag such as en or de-CH: it is not stored"
	case CodeLost:
		out.Message = "what became of this line is not known, since its record was damaged: import the file again to be sure"
	case CodeNoUser:
		out.Message = "there is no user with the old login: nobody got the new one"
	case CodeUnreadable:
		out.Message = "what is stored of this user cannot be read: repair it first"
	case CodeForbidden:
		out.Message = "this user's role stands above yours"
	case CodeForbiddenRole:
		out.Message = "a file cannot grant a role that is not below your own: assign it by hand"
	case CodeSelf:
		out.Message = "you cannot take your own access or role away by an import"
	case CodeLastAdmin:
		out.Message = "the domain would be left without an administrator"
	case CodeDeleting:
		out.Message = "this user is being deleted: import the line again afterwards"
	case CodeEnabledIgnored:
		out.Message = "Enabled was not looked at, since existing users are skipped"
	case CodeNoManager:
		out.Message = "there is no such manager, neither in the domain nor in this file: no manager was set"
	case CodeOwnManager:
		out.Message = "nobody is their own manager: no manager was set"
	case CodeManagerForbidden:
		out.Message = "this user's role has come to stand above yours: no manager was set"
	case CodeManagerCircle:
		out.Message = "this manager reports to the user, over one or more others: no manager was set"
	}
	return out
}
