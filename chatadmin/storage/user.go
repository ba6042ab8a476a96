package storage

// HasAccess reports whether the user can come in, as far as the row says: they
// are not deactivated, denied or being deleted.
func (u *User) HasAccess() bool {
	return u.ID != "" && u.Status != Deactivated && !u.Denied && !u.Deleting
}

// AdminInForce reports whether the user counts as one of the domain's admins: one who is locked or has yet to sign in counts.
func (u *User) AdminInForce() bool {
	return u.Admin && u.Status != Deactivated && !u.Denied && !u.Deleting
}
