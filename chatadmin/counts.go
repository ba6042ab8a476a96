package chatadmin

import (
	"fmt"
	"slices"
)

// Counts are how many there are of each kind, as plans and receipts say it.
type Counts map[string]int64

// Add adds other counts.
func (c Counts) Add(n Counts) {
	for kind, count := range n {
		c[kind] += count
	}
}

// Sum is the sum of the counts of all kinds.
func (c Counts) Sum() (sum int64) {
	for _, count := range c {
		sum += count
	}
	return sum
}

// Check refuses counts that cannot be: no counts at all, or one below 0 or above
// MaxCount.
func (c Counts) Check() error {
	if c == nil {
		return fmt.Errorf("it has no counts: %w", ErrInvalid)
	}
	for kind, n := range c {
		if n < 0 || n > MaxCount {
			return fmt.Errorf("it counts %d %s, which cannot be: %w", n, Cut(kind), ErrInvalid)
		}
	}
	return nil
}

// CheckPlan refuses counts of a plan that are not exactly those of kinds, or
// that cannot be.
func (c Counts) CheckPlan(kinds ...string) error {
	for kind, n := range c {
		if !slices.Contains(kinds, kind) || n < 0 || n > MaxCount {
			return fmt.Errorf("this plan counts %d %s, which cannot be: make a new one: %w", n, Cut(kind), ErrInvalid)
		}
	}
	for _, kind := range kinds {
		if _, ok := c[kind]; !ok {
			return fmt.Errorf("this plan does not count %s: make a new one: %w", kind, ErrInvalid)
		}
	}
	return nil
}
