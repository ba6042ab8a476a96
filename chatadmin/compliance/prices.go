package compliance

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"chatadmin.example/sdk/chatadmin"
)

// Price is what the plan costs from a number of seats on.
type Price struct {
	Seats int    // from so many on
	Text  string // as the customer acknowledges it, such as "$999 for a year"
}

// DefaultPrices is the table of Office Chat: an agreement starts with 50 seats.
func DefaultPrices() []Price { return []Price{{50, "$999 for a year"}} }

// mostSeats are more than any company has.
const mostSeats = 10_000_000

// Prices returns the table in force, by the number of seats. The first row has
// the fewest seats that an agreement can have, which are also the default.
func (x *Agreements) Prices() []Price { return slices.Clone(x.o.Prices) }

// price is the row for a number of seats, which has at least those of the first
// row.
func (x *Agreements) price(seats int) Price {
	p := x.o.Prices[0]
	for _, row := range x.o.Prices {
		if row.Seats <= seats {
			p = row
		}
	}
	return p
}

func checkPrices(all []Price) error {
	last := 0
	for _, p := range all {
		if p.Seats <= last || p.Seats > mostSeats {
			return fmt.Errorf("a price from %d seats on: give rows with more and more seats: %w", p.Seats, chatadmin.ErrInvalid)
		}
		if last = p.Seats; p.Text == "" || len(p.Text) > maxText || !printable(p.Text) {
			return fmt.Errorf("the price from %d seats on is no line of text: write it like $999 for a year: %w", p.Seats, chatadmin.ErrInvalid)
		}
	}
	return nil
}

// printable reports whether a text is one line that shows all it holds.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
