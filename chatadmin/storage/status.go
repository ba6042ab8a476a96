package storage

// Kind tells network users, who belong to the company, from guests.
type Kind uint8

const (
	Network Kind = iota + 1
	Guest
)

// String is "network" or "guest".
func (k Kind) String() string { return name(k, "", "network", "guest") }

// Status is where a user stands between being created and being deactivated. Denial, lock and deletion are told apart from it.
type Status uint8

const (
	Pending     Status = iota + 1 // created, has not signed in yet
	Active                        // has signed in
	Deactivated                   // kept with everything that is theirs, but without any access
)

// String is "pending", "active" or "deactivated".
func (s Status) String() string { return name(s, "", "pending", "active", "deactivated") }

func name[T ~uint8](v T, names ...string) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return "unknown"
}
