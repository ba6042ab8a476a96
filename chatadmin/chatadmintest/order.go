package chatadmintest

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// InOrder yields a table of cases by their names, so that code that is wrong
// fails at the same case each time. A range over a map begins anywhere.
func InOrder[K cmp.Ordered, V any](table map[K]V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			if !yield(name, table[name]) {
				return
			}
		}
	}
}
