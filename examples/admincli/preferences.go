package main

import (
	"context"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chatadmin.example/sdk/chatadmin"
	"chatadmin.example/sdk/chatadmin/preferences"
)

// helpDesk is what the users of this program can choose from.
func helpDesk() *preferences.Options {
	return &preferences.Options{
		Pages: []preferences.Page{{Name: "home"}, {Name: "webcare", Module: "webcare"}, {Name: "publishing", Module: "publishing"},
			{Name: "insights", Module: "insights"}, {Name: "chat", Module: "chat"}},
		Platforms: []preferences.Platform{preferences.Twitter, preferences.Facebook, "instagram", "whatsapp"},
		NoReply:   "noreply@chatadmin.example",
	}
}

// preferred is how preferences are shown.
type preferred struct {
	Login string `json:"login,omitempty"`
	preferences.Values
	Lands  string              `json:"lands,omitempty"`
	Speaks string              `json:"speaks,omitempty"`
	Own    *preferences.Values `json:"own,omitempty"` // what was chosen for the user alone
}

func (c *cli) preferencesCommands() *cobra.Command {
	set := c.command("set LOGIN KEY=VALUE…", "Set preferences of a user; KEY= clears one", c.setPreferences)
	set.Long = "The keys, and what they take:\n\n" + preferenceKeys
	defaults := c.command("defaults [KEY=VALUE…]", "Set what is in force for users who have not decided, or show it", c.preferenceDefaults)
	defaults.Long = "Without KEY=VALUE the defaults are shown. The keys are those of set."
	return c.group("preferences", "What users of a help desk prefer",
		c.command("show LOGIN", "Show what is in force for a user", func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			return c.showPreferences(ctx, s, args[0])
		}),
		checked(set, func(args []string) error { return onlyPairs(args[1:]) }),
		checked(defaults, onlyPairs),
		c.command("notify LOGIN assigned|unpublished", "Say how a user hears of an event", c.notify),
		c.replyCommand(), c.forwardCommand())
}

const preferenceKeys = `  language            a tag such as de or nl-BE, of English, French, German,
                      Spanish or Dutch
  landing             home, or a module of the domain: webcare, publishing,
                      insights, chat
  availability        none, online or online_live_chat
  live_chat           an account in the live chat
  avatar              a picture for it
  notify_assigned     on or off: messages that are assigned to the user
  notify_unpublished  on or off: scheduled messages that were not posted
  forward             can_respond, no_reply or own_client
  suffix.PLATFORM     ends replies, such as ^AR
  account.PLATFORM    replies unless another one is mentioned
                      PLATFORM is twitter, facebook, instagram or whatsapp`

// onlyPairs refuses arguments that are not KEY=VALUE.
func onlyPairs(args []string) error {
	for _, arg := range args {
		if key, _, ok := strings.Cut(arg, "="); !ok || key == "" {
			return usage("%q: write it as KEY=VALUE", chatadmin.Cut(arg))
		}
	}
	return nil
}

// setter is what KEY=VALUE set, and an error for a key that is not known.
func setter(pairs []string) (func(*preferences.Values), error) {
	if err := onlyPairs(pairs); err != nil {
		return nil, err
	}
	set := func(v *preferences.Values) (unknown string) {
		for _, pair := range pairs {
			if key, value, _ := strings.Cut(pair, "="); !v.Set(key, value) {
				unknown = key
			}
		}
		return unknown
	}
	if unknown := set(&preferences.Values{}); unknown != "" {
		return nil, usage("there is no preference %q: preferences set --help lists them", chatadmin.Cut(unknown))
	}
	return func(v *preferences.Values) { set(v) }, nil
}

func (c *cli) setPreferences(ctx context.Context, s *chatadmin.Scope, args []string) error {
	set, err := setter(args[1:])
	if err != nil {
		return err
	}
	id, err := c.id(ctx, s, args[0])
	if err != nil {
		return err
	}
	if _, err := c.prefer.Edit(ctx, s, id, set); err != nil {
		return err
	}
	return c.showPreferences(ctx, s, args[0])
}

func (c *cli) showPreferences(ctx context.Context, s *chatadmin.Scope, login string) error {
	id, err := c.id(ctx, s, login)
	if err != nil {
		return err
	}
	is, err := c.prefer.Of(ctx, s, id)
	if err != nil {
		return err
	}
	v := preferred{login, is.InForce, is.Lands, is.Speaks.String(), &is.Own}
	return c.say(v, func(w *tabwriter.Writer) {
		c.printValues(w, &is.InForce, &is.Own)
		row(w, "lands on", is.Lands)
		row(w, "reads", is.Speaks)
	})
}

// printValues prints what is set, and what of it is a default of the domain.
func (c *cli) printValues(w *tabwriter.Writer, v, own *preferences.Values) {
	for _, key := range c.prefer.Keys() {
		value := v.Get(key)
		if value == "" {
			continue
		}
		if own != nil && own.Get(key) == "" {
			row(w, key, value, "(default)")
		} else {
			row(w, key, value)
		}
	}
}

func (c *cli) preferenceDefaults(ctx context.Context, s *chatadmin.Scope, args []string) error {
	p, err := c.prefer.Policy(ctx, s)
	if len(args) > 0 {
		var set func(*preferences.Values)
		if set, err = setter(args); err == nil {
			p, err = c.prefer.SetDefaults(ctx, s, set)
		}
	}
	if err != nil {
		return err
	}
	return c.say(preferred{Values: p.Defaults}, func(w *tabwriter.Writer) { c.printValues(w, &p.Defaults, nil) })
}

// values are what is in force for a user.
func (c *cli) values(ctx context.Context, s *chatadmin.Scope, login string) (chatadmin.User, preferences.Values, error) {
	id, err := c.id(ctx, s, login)
	if err != nil {
		return chatadmin.User{}, preferences.Values{}, err
	}
	u, err := s.User(ctx, id)
	if err != nil {
		return chatadmin.User{}, preferences.Values{}, err
	}
	is, err := c.prefer.Of(ctx, s, id)
	return u, is.InForce, err
}

func (c *cli) notify(ctx context.Context, s *chatadmin.Scope, args []string) error {
	u, v, err := c.values(ctx, s, args[0])
	if err != nil {
		return err
	}
	event, ok := map[string]preferences.Event{"assigned": preferences.Assigned, "unpublished": preferences.Unpublished}[args[1]]
	if !ok {
		return usage("choose assigned or unpublished, not %q", chatadmin.Cut(args[1]))
	}
	channels := v.Channels(event, &u).String()
	list := []string{}
	if channels != "" {
		list = strings.Split(channels, ", ")
	}
	return c.say(map[string]any{"channels": list}, func(w *tabwriter.Writer) {
		if channels == "" {
			channels = "not at all"
		}
		row(w, channels)
	})
}

func (c *cli) replyCommand() *cobra.Command {
	var r preferences.Reply
	x := c.command("reply LOGIN TEXT", "Show how a reply of a user leaves: by which account, with which suffix",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			_, v, err := c.values(ctx, s, args[0])
			if err != nil {
				return err
			}
			r.Text = args[1]
			account, text, err := v.Reply(r)
			if err != nil {
				return err
			}
			return c.say(map[string]any{"account": account, "text": text}, func(w *tabwriter.Writer) {
				row(w, "account", account)
				row(w, "text", text)
			})
		})
	x.Flags().StringVar((*string)(&r.Platform), "platform", "", "the `platform`, such as twitter")
	x.Flags().StringVar(&r.Mentioned, "mentioned", "", "the `account` to which the customer has written")
	x.Flags().StringVar(&r.Chosen, "account", "", "the `account` that the user has picked")
	needed(x, "platform")
	return x
}

func (c *cli) forwardCommand() *cobra.Command {
	var m preferences.Message
	x := c.command("forward LOGIN", "Forward a message as a user prefers: by mail, or by a mailto link to open",
		func(ctx context.Context, s *chatadmin.Scope, args []string) error {
			u, v, err := c.values(ctx, s, args[0])
			if err != nil {
				return err
			}
			f, err := c.prefer.Forward(&v, &u, m)
			if err != nil {
				return err
			}
			if f.Mailto == "" {
				c.unsent()
				if mailer := c.admin.Options().Mailer; mailer != nil {
					if err := mailer.Send(ctx, f.Mail); err != nil {
						return err
					}
				}
			}
			return c.say(map[string]any{"mode": f.Mode, "mailto": f.Mailto, "from": f.Mail.From, "reply_to": f.Mail.ReplyTo,
				"to": f.Mail.To, "subject": f.Mail.Subject, "text": f.Mail.Text}, func(w *tabwriter.Writer) {
				if f.Mailto != "" {
					row(w, f.Mailto)
					return
				}
				row(w, "subject", f.Mail.Subject)
				row(w, "answers go to", f.Mail.ReplyTo)
				row(w, f.Mail.Text)
			})
		})
	f := x.Flags()
	f.StringVar(&m.To, "to", "", "the `address` of the recipient; own_client needs none")
	f.StringVar(&m.Author, "author", "", "who has written the message, as a `name`")
	f.StringVar((*string)(&m.Platform), "platform", "", "the `platform` of the message")
	f.StringVar(&m.Text, "text", "", "the `text` of the message")
	f.StringVar(&m.Link, "link", "", "the `URL` of the message in the product")
	f.StringVar(&m.Comment, "comment", "", "a `text` to add")
	needed(x, "link")
	return x
}
