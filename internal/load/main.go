// Command load puts load on the server and says what it did: stored answers at a fixed rate beside a handler that
// returns the same bytes, stored answers while the model works, many open streams, equal requests at once, and what is
// left of goroutines and memory.
//
//	go run ./internal/load            # make load
//
// The server, with a store on disk and a model that only pretends, runs in a process of its own. Requests at a
// rate come from vegeta, another program, which sends them whether or not answers come (an open loop), so that a
// server that stalls is seen to stall. It ends with status 1 if something that is promised does not hold.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	vegeta         string
	rate, rounds   int
	beside         int
	seconds        time.Duration
	streams, equal int
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == subjectRole {
		exitOn(serveSubject())
		return
	}
	if len(os.Args) == 2 && os.Args[1] == workerRole {
		workHard(os.Stdin)
		return
	}
	var o options
	flag.StringVar(&o.vegeta, "vegeta", "go tool -modfile=internal/tools/go.mod vegeta", "`command` of the generator")
	flag.IntVar(&o.rate, "rate", 5000, "stored answers a second")
	flag.IntVar(&o.beside, "beside", 200, "stored answers a second while the model works")
	flag.DurationVar(&o.seconds, "for", 5*time.Second, "length of a round")
	flag.IntVar(&o.rounds, "rounds", 4, "rounds of the control and of the server, in turn")
	flag.IntVar(&o.streams, "streams", 1000, "open streams at once")
	flag.IntVar(&o.equal, "equal", 200, "equal requests at once")
	flag.Parse()
	exitOn(o.run(context.Background()))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	at, stop, err := startProcess(ctx)
	if err != nil {
		return err
	}
	defer stop()
	r, err := o.rates(ctx, at)
	if err != nil {
		return err
	}
	fmt.Print(r)
	b, err := o.besideWork(ctx, at)
	if err != nil {
		return err
	}
	fmt.Print(b)
	s, err := openStreams(ctx, at, o.streams)
	if err != nil {
		return err
	}
	fmt.Printf("streams: %d open at once, all whole; first piece after %v (median), %v (99 %%)\n", s.peak, s.first(0.5), s.first(0.99))
	n, err := askEqual(ctx, at, o.equal)
	if err != nil {
		return err
	}
	fmt.Printf("equal requests: %d at once, %d inference\n", o.equal, n)
	return errors.Join(r.check(), b.check())
}

// startProcess starts the server in a process of its own.
func startProcess(ctx context.Context) (at addresses, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return at, nil, err
	}
	cmd := exec.CommandContext(ctx, self, subjectRole)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // whose end ends it
	if err != nil {
		return at, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return at, nil, err
	}
	if err := cmd.Start(); err != nil {
		return at, nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		err = json.NewDecoder(strings.NewReader(line)).Decode(&at)
	}
	return at, func() {
		in.Close()
		_ = cmd.Wait()
	}, err
}
