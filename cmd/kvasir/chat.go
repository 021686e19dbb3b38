package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// chat is an interactive conversation: a message a line, an answer after each.
type chat struct {
	*runOptions
	model   *setup.Model
	request *base.Request // parameters; its messages are replaced each turn
	turns   []base.Message
	prompt  string // shown before each message, on a terminal only
	failed  int    // messages that got no answer
}

func newChat(o *runOptions, model *setup.Model, request *base.Request) *chat {
	c := &chat{runOptions: o, model: model, request: request}
	if f, ok := o.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		c.prompt = "> "
		fmt.Fprintln(o.err, "One message a line. Ctrl-C stops an answer, twice at the prompt it ends the chat, as Ctrl-D does.")
	}
	return c
}

// run answers messages until the input ends, or a signal comes while none is being answered. A
// message that cannot be answered is reported and forgotten, and the chat goes on.
func (c *chat) run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)

	if c.promptSet {
		if err := c.turn(ctx, interrupts, c.runOptions.prompt); err != nil {
			return err
		}
	}
	lines := readLines(c.in)
	for asked := false; ; { // asked: Ctrl-C was pressed, and nothing since
		fmt.Fprint(c.out, c.prompt)
		select {
		case line, ok := <-lines.text:
			asked = false
			if !ok {
				return c.end(lines.err)
			}
			if text := strings.TrimSpace(line); text != "" {
				if err := c.turn(ctx, interrupts, text); err != nil {
					return err
				}
			}
		case <-interrupts:
			if asked || c.prompt == "" {
				return context.Canceled
			}
			asked = true
			fmt.Fprintln(c.err, "\nkvasir: note: Ctrl-C once more ends the chat")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end finishes a chat whose input has ended.
func (c *chat) end(err error) error {
	if c.prompt != "" {
		fmt.Fprintln(c.out)
	}
	switch {
	case err != nil:
		return fmt.Errorf("standard input: %w", err)
	case c.failed > 0 && c.prompt == "":
		return fmt.Errorf("%s got no answer", base.Count(c.failed, "message", "messages"))
	}
	return nil
}

// turn answers one message. Ctrl-C during the answer ends the answer only.
func (c *chat) turn(ctx context.Context, interrupts <-chan os.Signal, text string) error {
	turns := append(c.turns[:len(c.turns):len(c.turns)], base.Message{Role: base.RoleUser, Content: text})
	answering, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-interrupts:
			stop()
		case <-ended:
		}
	}()
	result, err := c.answer(answering, &turns)
	switch {
	case err == nil:
		c.turns = append(turns, base.Message{Role: base.RoleAssistant, Content: result.Text})
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(c.err, "kvasir: note: stopped; this message is not part of the chat")
	case errors.Is(err, base.ErrInvalid), errors.Is(err, base.ErrUnavailable):
		c.failed++
		report(c.err, err)
	default:
		return err
	}
	return nil
}

// answer answers the last of turns. When the chat has outgrown the context it forgets the oldest
// messages, two at a time, and says so.
func (c *chat) answer(ctx context.Context, turns *[]base.Message) (*base.Result, error) {
	request := *c.request
	for {
		request.Messages = c.messages(*turns...)
		result, err := c.stream(ctx, c.model, c.query(&request), time.Now())
		if !errors.Is(err, base.ErrTooLong) || len(*turns) < 3 {
			return result, err
		}
		*turns = (*turns)[2:]
		fmt.Fprintln(c.err, "kvasir: note: the chat no longer fits into the context; its oldest message and answer are forgotten (--context)")
	}
}

// lines are the lines of an input. err is valid once text is closed.
type lines struct {
	text chan string
	err  error
}

// readLines reads in a goroutine that ends with the input, or with the process.
func readLines(r io.Reader) *lines {
	l := &lines{text: make(chan string)}
	go func() {
		defer close(l.text)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxPrompt)
		for scanner.Scan() {
			l.text <- scanner.Text()
		}
		l.err = scanner.Err()
	}()
	return l
}
