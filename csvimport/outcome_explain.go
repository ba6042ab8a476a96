package csvimport

import (
	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/texts"
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
	out := Note{Code: n.Code, Warning: isWarning(n.Code), Message: texts.Message{Code: "fault." + n.Code, Text: n.Arg}}
	if n.Col >= 0 {
		c := column(n.Col)
		out.Column, out.Value = h.title(c), chatadmin.Cut(r.text(c))
	}
	switch key := "note." + n.Code; {
	case n.Code == CodeDuplicate, n.Code == CodeNoGroup:
		out.Message = texts.NewMessage(key, n.Arg)
	case n.Code == CodeBadEnabled && n.Arg == botStatus:
		out.Message = texts.NewMessage("note.bot")
	case isExplained(n.Code):
		out.Message = texts.NewMessage(key)
	}
	return out
}

// isExplained reports whether a code needs no more than its own sentence.
func isExplained(code string) bool {
	switch code {
	case CodeNotCreated, CodeExists, CodeAllOrNothing, CodeNullWord, CodeRuined, CodeDamaged, CodeDropped, CodeShortRow, CodeNewLogin, CodeBadLanguage, CodeLost, CodeNoUser,
		CodeUnreadable, CodeForbidden, CodeForbiddenRole, CodeSelf, CodeLastAdmin, CodeDeleting, CodeEnabledIgnored, CodeNoManager, CodeOwnManager, CodeManagerForbidden,
		CodeManagerCircle, CodeBadEnabled:
		return true
	}
	return false
}
