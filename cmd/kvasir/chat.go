package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/term"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// chat is an interactive conversation: a message a line, an answer after each.
type chat struct {
	*runOptions
	host    base.Host
	request *base.Request // parameters; its messages are replaced each turn
	turns   []base.Message
	prompt  string // shown before each message, on a terminal only
}

func newChat(o *runOptions, host base.Host, request *base.Request) *chat {
	c := &chat{runOptions: o, host: host, request: request}
	if f, ok := o.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		c.prompt = "> "
		fmt.Fprintln(o.err, "One message a line. Ctrl-C stops an answer, Ctrl-D ends the chat.")
	}
	return c
}

// run answers messages until the input ends. A message that cannot be answered is reported and
// forgotten; the chat goes on unless the host is gone.
func (c *chat) run(ctx context.Context) error {
	if c.promptSet {
		if err := c.turn(ctx, c.runOptions.prompt); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(c.in)
	lines.Buffer(nil, maxPrompt)
	for {
		fmt.Fprint(c.out, c.prompt)
		if !lines.Scan() {
			break
		}
		if text := strings.TrimSpace(lines.Text()); text != "" {
			if err := c.turn(ctx, text); err != nil {
				return err
			}
		}
	}
	if c.prompt != "" {
		fmt.Fprintln(c.out)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return nil
}

// turn answers one message. Ctrl-C during the answer ends the answer only.
func (c *chat) turn(ctx context.Context, text string) error {
	turns := append(c.turns[:len(c.turns):len(c.turns)], base.Message{Role: base.RoleUser, Content: text})
	request := *c.request
	request.Messages = c.messages(turns...)
	answering, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt)
	defer stop()
	result, err := stream(answering, c.streams, c.host, &request)
	switch {
	case err == nil:
		c.turns = append(turns, base.Message{Role: base.RoleAssistant, Content: result.Text})
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(c.out)
		fmt.Fprintln(c.err, "kvasir: note: stopped; this message is not part of the chat")
	case errors.Is(err, base.ErrInvalid):
		report(c.err, err)
	default:
		return err
	}
	return nil
}
