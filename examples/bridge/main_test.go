package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBridge(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	require.Equal(t, `alice writes in Slack
  group  m1  alice via Sales feed: Good morning, @bob & all
  slack  #general  U0ALICE: Good morning, <@U0BOB> &amp; all
Ann answers in the group
  group  a1  Ann: Good morning! <!channel> is not for me to ping
  slack  #general  Sales feed: Ann: Good morning! &lt;!channel&gt; is not for me to ping
bob answers in the thread
  group  m2  bob via Sales feed, in answer to m1: Hello
  slack  #general  U0BOB: Hello
alice corrects herself
  group  m1  now reads: Good *evening*
somebody subscribes to the newsletter
  group  m3  Mailchimp: Eve (eve@a.example) subscribed to Newsletter.
`, out.String())
}
