package support

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"chatadmin.example/sdk/chatadmin"
)

// Platform is what a client runs on.
type Platform string

// The platforms.
const (
	IOS     Platform = "ios"
	Android Platform = "android"
	Windows Platform = "windows"
	Mac     Platform = "mac"
)

// Platforms lists the platforms.
func Platforms() []Platform { return []Platform{IOS, Android, Windows, Mac} }

// String is how people know the platform, such as "iOS".
func (p Platform) String() string {
	switch p {
	case IOS:
		return "iOS"
	case Android:
		return "Android"
	case Windows:
		return "Windows"
	case Mac:
		return "Mac"
	}
	return string(p)
}

// check returns an error of class Invalid if there is no such platform.
func (p Platform) check() error {
	if !slices.Contains(Platforms(), p) {
		return fmt.Errorf("the platform %q is unknown: give ios, android, windows or mac: %w", chatadmin.Cut(string(p)), chatadmin.ErrInvalid)
	}
	return nil
}

// Level is how much a client logs.
type Level string

// The levels, from nothing to everything. Each includes those before it.
const (
	None       Level = "none"
	ErrorsOnly Level = "errors"
	Warnings   Level = "warnings"
	Info       Level = "info"
	Debug      Level = "debug"
)

// slogNone is above every level that is logged.
const slogNone = slog.Level(1 << 20)

// Slog is the least level that is logged.
func (l Level) Slog() slog.Level {
	switch l {
	case None:
		return slogNone
	case Warnings:
		return slog.LevelWarn
	case Info:
		return slog.LevelInfo
	case Debug:
		return slog.LevelDebug
	}
	return slog.LevelError
}

// Choice is which levels a platform has.
type Choice struct {
	Default Level
	Levels  []Level // with one, it is fixed
}

// DefaultLevels returns the levels of each platform: iOS has all, Android logs
// errors only, and Windows can log for debugging besides. The Mac logs errors
// only unless the host decides otherwise.
func DefaultLevels() map[Platform]Choice {
	return map[Platform]Choice{
		IOS:     {ErrorsOnly, []Level{None, ErrorsOnly, Warnings, Info, Debug}},
		Android: {ErrorsOnly, []Level{ErrorsOnly}},
		Windows: {ErrorsOnly, []Level{ErrorsOnly, Debug}},
		Mac:     {ErrorsOnly, []Level{ErrorsOnly}},
	}
}

// check refuses a choice without a usable default.
func (c Choice) check(p Platform) error {
	for _, l := range c.Levels {
		if !slices.Contains([]Level{None, ErrorsOnly, Warnings, Info, Debug}, l) {
			return fmt.Errorf("levels of %s: there is no level %q: %w", p, chatadmin.Cut(string(l)), chatadmin.ErrInvalid)
		}
	}
	if !slices.Contains(c.Levels, c.Default) {
		return fmt.Errorf("levels of %s: the default %q is none of them: %w", p, chatadmin.Cut(string(c.Default)), chatadmin.ErrInvalid)
	}
	return nil
}

// OfficeChatFolders returns the folders in which the clients of Office Chat
// keep their logs. Apps of iOS and Android show theirs to nobody but
// themselves. LogFolder resolves them.
func OfficeChatFolders() map[Platform]string {
	return map[Platform]string{
		Windows: `%appdata%\Office Chat\Logs`,
		Mac:     "~/Library/Application Support/com.mangoapps.officechat/log",
	}
}

// OfficeChatRecipients returns the addresses to which Office Chat's own help
// pages send reports.
func OfficeChatRecipients() map[Platform]string {
	return map[Platform]string{
		IOS: "support@officechat.com", Android: "support@officechat.com", Windows: "support@officechat.com",
		Mac: "support@mangoapps.com",
	}
}

// LogFolder returns a folder such as those of OfficeChatFolders on this
// machine: ~ is the home of the user, and %name% is taken from the environment.
// It returns an error of class NotFound if the environment has no such name.
func LogFolder(folder string) (string, error) {
	if rest, ok := strings.CutPrefix(folder, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("the home of the user is unknown: %w", chatadmin.ErrNotFound)
		}
		return filepath.Join(home, filepath.FromSlash(rest)), nil
	}
	rest, ok := strings.CutPrefix(folder, "%")
	if !ok {
		return folder, nil
	}
	name, rest, _ := strings.Cut(rest, "%")
	dir := os.Getenv(strings.ToUpper(name))
	if dir == "" {
		return "", fmt.Errorf("the environment has no %s: %w", strings.ToUpper(name), chatadmin.ErrNotFound)
	}
	return filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(rest, `\`, "/"))), nil
}
