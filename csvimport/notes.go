package csvimport

import (
	"encoding/binary"
	"encoding/json"
	"iter"
	"slices"
	"strconv"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/csvimport/internal/csvfile"
)

// notes are those of the rows of one batch, in the order of the rows. Some six
// bytes hold one: a file of a million lines may have six faults in each of
// them. As JSON they are a list.
type notes struct {
	packed []byte
	texts  []string // codes that are not known here, and arguments, each once
	n      int
}

// knownCodes are held as their number. New ones are added at the end.
var knownCodes = []string{CodeNotCreated, CodeExists, CodeDuplicate, CodeBadEnabled, CodeForbidden, CodeForbiddenRole, CodeSelf, CodeLastAdmin, CodeDeleting, CodeEnabledIgnored,
	CodeNoManager, CodeOwnManager, CodeManagerCircle, CodeManagerForbidden, CodeNullWord, CodeRuined, CodeDamaged, CodeDropped, CodeShortRow,
	chatadmin.CodeMissing, chatadmin.CodeBadEmail, chatadmin.CodeBadLogin, chatadmin.CodeBadName, chatadmin.CodeTooLong, chatadmin.CodeBadText, chatadmin.CodeBadRole,
	chatadmin.CodeBadKind, chatadmin.CodeImmutable, chatadmin.CodeBadManager, chatadmin.CodeTaken,
	csvfile.CodeStrayQuote, csvfile.CodeQuotedLine, csvfile.CodeComment, csvfile.CodeUnclosedQuote, csvfile.CodeFieldTooLong, csvfile.CodeRowTooLong, csvfile.CodeFieldCount,
	csvfile.CodeManyColumns, csvfile.CodeNUL, csvfile.CodeEncoding,
	CodeNewLogin, CodeNoGroup, CodeBadLanguage, CodeNoUser, CodeUnreadable, CodeLost}

// How an argument is held.
const (
	noArg     = iota
	numberArg // a number follows
	// The number of a text, and one for each further text, follow from here
	textArg
)

// rowAsWhole is how the column -1 is held.
const rowAsWhole = 0xff

// add adds the note of a row that is not before the last one.
func (ns *notes) add(n note) {
	b := binary.AppendUvarint(ns.packed, uint64(n.Row))
	if i := slices.Index(knownCodes, n.Code); i >= 0 {
		b = append(b, byte(i))
	} else {
		b = binary.AppendUvarint(append(b, 0xff), ns.text(n.Code))
	}
	b = append(b, byte(n.Col))
	number, err := strconv.ParseUint(n.Arg, 10, 32)
	switch {
	case n.Arg == "":
		b = append(b, noArg)
	case err == nil && strconv.FormatUint(number, 10) == n.Arg:
		b = binary.AppendUvarint(append(b, numberArg), number)
	default:
		b = binary.AppendUvarint(b, textArg+ns.text(n.Arg))
	}
	ns.packed = b
	ns.n++
}

// text is the number of a text.
func (ns *notes) text(s string) uint64 {
	i := slices.Index(ns.texts, s)
	if i < 0 {
		i, ns.texts = len(ns.texts), append(ns.texts, s)
	}
	return uint64(i)
}

// pack gives back what add has allocated to spare.
func (ns *notes) pack() {
	ns.packed, ns.texts = slices.Clip(slices.Clone(ns.packed)), slices.Clip(ns.texts)
}

// all goes through the notes.
func (ns *notes) all() iter.Seq[note] {
	return func(yield func(note) bool) {
		b := ns.packed
		number := func() uint64 {
			x, n := binary.Uvarint(b)
			b = b[n:]
			return x
		}
		for len(b) > 0 {
			n := note{Row: int(number())}
			code := b[0]
			if b = b[1:]; code == 0xff {
				n.Code = ns.texts[number()]
			} else {
				n.Code = knownCodes[code]
			}
			if n.Col = int16(b[0]); n.Col == rowAsWhole {
				n.Col = -1
			}
			b = b[1:]
			switch how := number(); how {
			case noArg:
			case numberArg:
				n.Arg = strconv.FormatUint(number(), 10)
			default:
				n.Arg = ns.texts[how-textArg]
			}
			if !yield(n) {
				return
			}
		}
	}
}

// insert adds notes of any rows, behind those that a row has.
func (ns *notes) insert(more ...note) {
	list := slices.AppendSeq(slices.Grow([]note(nil), ns.n+len(more)), ns.all())
	list = append(list, more...)
	slices.SortStableFunc(list, func(a, b note) int { return a.Row - b.Row })
	*ns = notes{}
	for _, n := range list {
		ns.add(n)
	}
	ns.pack()
}

// IsZero reports whether there are none.
func (ns notes) IsZero() bool { return ns.n == 0 }

// MarshalJSON writes a list.
func (ns notes) MarshalJSON() ([]byte, error) {
	return json.Marshal(slices.AppendSeq([]note{}, ns.all()))
}

// UnmarshalJSON reads a list.
func (ns *notes) UnmarshalJSON(data []byte) error {
	var list []note
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*ns = notes{}
	for _, n := range list {
		ns.add(n)
	}
	ns.pack()
	return nil
}
