package texts

import "errors"

// Explain gives an error a text of the library with its values, so that it can
// be said in other languages as exactly as in English. The error stays what it
// is: its sentence, code and class do not change. nil stays nil.
func Explain(err error, key string, values ...any) error {
	if err == nil {
		return nil
	}
	return &explained{err, NewMessage(key, values...)}
}

type explained struct {
	err error
	m   Message
}

func (e *explained) Error() string { return e.err.Error() }

func (e *explained) Unwrap() error { return e.err }

// Explanation is the message that an error was given by Explain, with the
// error's own sentence as the English one. It reports false if there is none.
func Explanation(err error) (Message, bool) {
	var e *explained
	if !errors.As(err, &e) {
		return Message{}, false
	}
	m := e.m
	m.Text = err.Error()
	return m, true
}
