package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/storage"
)

func (c *cli) contentCommands() *cobra.Command {
	return c.group("content", "Make messages and files to try deletion on, and count them", c.seedCommand(),
		c.countContentCommand())
}

func (c *cli) seedCommand() *cobra.Command {
	var n seed
	var authors []string
	x := c.command("seed", "Make content, as the messaging side of a product would",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error { return c.seed(ctx, s, n, authors) })
	x.Long = `seed makes private chats and groups of the authors, and messages and files in
them; without chats and groups, in the groups there are. In a chat both sides
write by turns.`
	f := x.Flags()
	f.IntVar(&n.chats, "chats", 0, "so many private chats")
	f.IntVar(&n.groups, "groups", 0, "so many groups")
	f.IntVar(&n.messages, "messages", 0, "so many messages")
	f.IntVar(&n.files, "files", 0, "so many files")
	f.StringSliceVar(&authors, "authors", nil, "of the users with these `logins`, separated by commas (default: all)")
	return checked(x, func([]string) error {
		if min(n.chats, n.groups, n.messages, n.files) < 0 {
			return usage("give numbers of 0 or more")
		}
		return nil
	})
}

func (c *cli) countContentCommand() *cobra.Command {
	var author, group string
	x := c.command("count", "Count chats, messages and files",
		func(ctx context.Context, s *chatadmin.Scope, _ []string) error {
			return c.countContent(ctx, s, author, group)
		})
	x.Flags().StringVar(&author, "author", "", "only those of the user with this `login`")
	x.Flags().StringVar(&group, "group", "", "only those in the group with this `name`")
	return x
}

func (c *cli) countContent(ctx context.Context, s *chatadmin.Scope, author, group string) (err error) {
	q := storage.ContentQuery{Domain: s.Domain()}
	var authors []chatadmin.ID
	if author != "" {
		authors, err = c.ids(ctx, s, []string{author})
	} else {
		authors, err = c.everybody(ctx, q.Domain, chatadmin.UserQuery{WithDeleting: true})
	}
	if err != nil {
		return err
	}
	if group != "" {
		g, err := c.findGroup(ctx, s, group)
		if err != nil {
			return err
		}
		q.Containers = []chatadmin.ID{g.ID}
	}
	var sum storage.ContentCount
	for q.Authors = range slices.Chunk(authors, chatadmin.MaxBatch) {
		n, err := c.store.CountContent(ctx, q)
		if err != nil {
			return err
		}
		sum.Chats, sum.Messages, sum.Files = sum.Chats+n.Chats, sum.Messages+n.Messages, sum.Files+n.Files
	}
	return c.sayContent(sum)
}

// everybody are the users of a domain that a query selects.
func (c *cli) everybody(ctx context.Context, domain chatadmin.ID,
	q chatadmin.UserQuery) (ids []chatadmin.ID, err error) {
	for u, err := range c.admin.AsHost(domain).Users(ctx, q) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, u.ID)
	}
	return ids, nil
}

func (c *cli) sayContent(n storage.ContentCount) error {
	return c.say(map[string]int64{"private_chats": n.Chats, "messages": n.Messages, "files": n.Files},
		func(w *tabwriter.Writer) {
			row(w, "private chats", n.Chats)
			row(w, "messages", n.Messages)
			row(w, "files", n.Files)
		})
}

// seed is how much content to make, and what it is made of.
type seed struct {
	chats, groups, messages, files int

	domain  chatadmin.ID
	authors []chatadmin.ID
	// where it lies: a chat with its two sides, or a group alone
	containers [][]chatadmin.ID
	rows       []storage.Content
}

// seed writes to the store past the library, which does not administer content.
func (c *cli) seed(ctx context.Context, s *chatadmin.Scope, n seed, logins []string) (err error) {
	n.domain = s.Domain()
	host := c.admin.AsHost(n.domain)
	everybody, err := c.everybody(ctx, n.domain, chatadmin.UserQuery{})
	if err != nil {
		return err
	}
	if n.authors = everybody; len(logins) > 0 {
		if n.authors, err = c.ids(ctx, s, logins); err != nil {
			return err
		}
	}
	if n.chats > 0 && len(everybody) < 2 {
		return fmt.Errorf("a private chat needs two users: %w", chatadmin.ErrInvalid)
	}
	if err := c.seedGroups(ctx, &n); err != nil {
		return err
	}
	if err := c.seedChats(ctx, &n, everybody); err != nil {
		return err
	}
	if len(n.containers) == 0 {
		for g, err := range host.Groups(ctx, chatadmin.GroupQuery{}) {
			if err != nil {
				return err
			}
			n.containers = append(n.containers, []chatadmin.ID{g.ID})
		}
	}
	if len(n.containers) == 0 && n.messages+n.files > 0 {
		return fmt.Errorf("there is no group to write in: %w", chatadmin.ErrInvalid)
	}
	for _, kind := range []struct {
		kind storage.ContentKind
		n    int
	}{{storage.Message, n.messages}, {storage.File, n.files}} {
		for i := range kind.n {
			row := n.row(i, kind.kind)
			row.ID, row.At = c.admin.NewID(), c.admin.Now().Add(-time.Duration(kind.n-i)*time.Second)
			if kind.kind == storage.File {
				row.Blob = "seed/" + string(row.ID)
			}
			if err := c.add(ctx, &n, row); err != nil {
				return err
			}
		}
	}
	if err := c.flush(ctx, &n); err != nil {
		return err
	}
	return c.sayContent(storage.ContentCount{Chats: int64(n.chats), Messages: int64(n.messages),
		Files: int64(n.files)})
}

// row is the ith message or file.
func (n *seed) row(i int, kind storage.ContentKind) storage.Content {
	in := n.containers[i%len(n.containers)]
	row := storage.Content{Kind: kind, Container: in[0], Author: n.authors[i%len(n.authors)]}
	if sides := in[1:]; len(sides) > 0 {
		row.Author = sides[i/len(n.containers)%len(sides)]
	}
	return row
}

// seedChats makes private chats, each of an author with somebody else.
func (c *cli) seedChats(ctx context.Context, n *seed, everybody []chatadmin.ID) error {
	for i := range n.chats {
		a := n.authors[i%len(n.authors)]
		b := everybody[i%len(everybody)]
		for k := 1; b == a; k++ {
			b = everybody[(i+k)%len(everybody)]
		}
		id := c.admin.NewID()
		n.containers = append(n.containers, []chatadmin.ID{id, a, b})
		chat := storage.Content{ID: id, Author: a, Peer: b, Kind: storage.Chat, At: c.admin.Now()}
		if err := c.add(ctx, n, chat); err != nil {
			return err
		}
	}
	return nil
}

// seedGroups makes groups, each with one of the authors as creator and up to
// ten of them as members.
func (c *cli) seedGroups(ctx context.Context, n *seed) error {
	run := c.admin.NewID()
	for at := 0; at < n.groups; at += 100 {
		var groups []storage.Write[chatadmin.Group]
		var members []storage.Write[chatadmin.Membership]
		for i := at; i < min(at+100, n.groups); i++ {
			id := c.admin.NewID()
			name := fmt.Sprintf("Seeded %s-%d", run[len(run)-4:], i+1)
			creator := n.authors[i%len(n.authors)]
			groups = append(groups, storage.Write[chatadmin.Group]{Row: chatadmin.Group{ID: id,
				Domain: n.domain, Rev: 1, Creator: creator, Name: name, NameKey: chatadmin.Fold(name)}})
			for k := range min(len(n.authors), 10) {
				user := n.authors[(i+k)%len(n.authors)]
				members = append(members,
					storage.Write[chatadmin.Membership]{Row: chatadmin.Membership{Domain: n.domain, Group: id,
						User: user, Rev: 1, Admin: user == creator}})
			}
			n.containers = append(n.containers, []chatadmin.ID{id})
		}
		if err := c.put(ctx, n.domain, func(ctx context.Context, tx storage.Tx) ([]storage.Conflict, error) {
			if conflicts, err := tx.ChangeGroups(ctx, groups); err != nil || len(conflicts) > 0 {
				return conflicts, err
			}
			return tx.ChangeMemberships(ctx, members)
		}); err != nil {
			return err
		}
	}
	return nil
}

// add writes a row, together with others.
func (c *cli) add(ctx context.Context, n *seed, row storage.Content) error {
	row.Domain = n.domain
	if n.rows = append(n.rows, row); len(n.rows) < 10*chatadmin.MaxBatch {
		return nil
	}
	return c.flush(ctx, n)
}

func (c *cli) flush(ctx context.Context, n *seed) error {
	rows := n.rows
	n.rows = nil
	return c.put(ctx, n.domain, func(ctx context.Context, tx storage.Tx) ([]storage.Conflict, error) {
		for batch := range slices.Chunk(rows, chatadmin.MaxBatch) {
			if conflicts, err := tx.InsertContent(ctx, batch); err != nil || len(conflicts) > 0 {
				return conflicts, err
			}
		}
		return nil, nil
	})
}

// put writes under the fence that the contract asks for.
func (c *cli) put(
	ctx context.Context, domain chatadmin.ID, f func(context.Context, storage.Tx) ([]storage.Conflict, error),
) error {
	return c.store.Update(ctx, storage.Fence{Domain: domain, Mode: storage.Shared},
		func(ctx context.Context, tx storage.Tx) error {
			conflicts, err := f(ctx, tx)
			if err == nil && len(conflicts) > 0 {
				err = fmt.Errorf("%s is gone or being deleted: %w", conflicts[0].Field, chatadmin.ErrNotFound)
			}
			return err
		})
}

// seededFiles is where the contents of files would lie: those of content seed
// have none.
type seededFiles struct{}

// Delete implements chatadmin.Blobs.
func (seededFiles) Delete(context.Context, []string) error { return nil }
