package server

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// shotsEnv names a folder for screenshots of what the tests see.
const shotsEnv = "KVASIR_SCREENSHOTS"

// browser is a page in a headless browser, and what it complained of and asked for.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
	asked    []string
}

// openBrowser starts a browser, or skips the test where there is none.
func openBrowser(t *testing.T, url string) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("no chromium on the PATH: the dashboard is not tried in a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.CombinedOutput(io.Discard))
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(cancel)
	quiet := chromedp.WithErrorf(log.New(io.Discard, "", 0).Printf) // it does not know every message of a newer browser
	ctx, cancel = chromedp.NewContext(ctx, quiet)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	b.run(command(network.Enable, network.EnableParams{}), command(cdplog.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}), chromedp.Navigate(url))
	return b
}

// step is one thing that is done in the page.
type step = chromedp.Action[chromedp.Void]

// command is a command of the browser whose answer does not matter.
func command[P, R any](c cdp.Command[P, R], parameters P) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, parameters)
		return err
	})
}

// hear notes what the page asks for, and what goes wrong in it.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, fmt.Sprintf("%s in %s, line %d", e.ExceptionDetails.Text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber))
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError && !strings.Contains(e.Entry.Text, "401") {
			b.problems = append(b.problems, e.Entry.Text)
		}
	}
}

func (b *browser) run(steps ...step) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// js evaluates an expression.
func (b *browser) js(expression string) any {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// see waits until a text is shown somewhere below a selector.
func (b *browser) see(selector, text string) {
	b.t.Helper()
	shown := fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.innerText.includes(%q))", selector, text)
	for deadline := time.Now().Add(20 * time.Second); b.js(shown) != true; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s does not show %q: %v", selector, text, b.js("document.body.innerText"))
		}
	}
}

// shot keeps a screenshot for a person, where one is wanted.
func (b *browser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv(shotsEnv)
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		b.t.Error(err)
	}
}

func (b *browser) look(wide int64, scheme string) {
	b.t.Helper()
	b.run(chromedp.EmulateViewport(wide, 900), command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
}

// fits checks that nothing is wider than the page.
func (b *browser) fits(name string) {
	b.t.Helper()
	if over := b.js("document.documentElement.scrollWidth - innerWidth").(float64); over > 0 {
		b.t.Errorf("%s: the page is %v pixels too wide", name, over)
	}
}

// end checks that nothing went wrong, that nothing was asked of anybody else, and that the token was in no URL.
func (b *browser) end(base string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		b.t.Error(p)
	}
	for _, url := range b.asked {
		if !strings.HasPrefix(url, base+"/") || strings.Contains(url, adminToken) {
			b.t.Errorf("the page asked for %s", url)
		}
	}
	if len(b.asked) < 8 {
		b.t.Errorf("only %d requests were seen", len(b.asked))
	}
}

const hostileText = `<img src=x onerror="document.title='broken'"> & "quotes" for Niger`

// busy has a server with a past.
func busy(t *testing.T) *fixture {
	t.Helper()
	now := time.Now().Add(-50 * time.Minute)
	var mu sync.Mutex
	f := start(t, hosttest.Options{}, func(o *Options) {
		o.Version = "v1"
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	step := func() {
		if s, ok := f.server.sample(t.Context()); ok {
			f.server.history.add(s)
		}
		mu.Lock()
		now = now.Add(time.Minute)
		mu.Unlock()
	}
	f.ask(t, chatBody("What is the capital of Niger?"))
	f.ask(t, chatBody(hostileText))
	for i := range 50 {
		step()
		f.ask(t, chatBody(strings.Repeat(string(rune('a'+i%26)), 12+i)))
		for range (i * 7 % 11) + i/10 {
			f.ask(t, chatBody("What is the capital of Niger?"))
		}
		for range i * 3 % 5 {
			f.ask(t, chatBody("WHAT is the capital of Niger?"))
		}
		f.ask(t, chatBody("What is the capital of Niger? "+strings.Repeat("x", i%3)))
		f.ask(t, chatBody("draw", `"temperature":1`))
	}
	step()
	return f
}

func TestBrowser_SignInLookSearchExplainRemove(t *testing.T) {
	f := busy(t)
	b := openBrowser(t, f.admin.URL+"/")
	b.look(1280, "light")
	b.see("h1", "Kvasir")
	b.shot("login")
	b.run(chromedp.SendKeys("#token", "not the token"+kb.Enter))
	b.see("#login-error", "not the one of this server")
	b.run(chromedp.KeyEvent(adminToken), chromedp.Click("#login-form button")) // what was wrong is selected

	b.see("#tiles", "Hit rate")
	b.see("#misses", "nothing alike is stored")
	b.see("#plugins", "acme")
	b.see("#state", "ready")
	if n := b.js(`document.querySelectorAll("#chart-requests rect").length`).(float64); n < 50 {
		t.Errorf("%v bars", n)
	}
	b.run(chromedp.Focus("#chart-requests svg"), chromedp.KeyEvent(kb.ArrowLeft))
	b.see("#chart-requests .when", " to ")
	b.shot("overview-light")
	b.run(chromedp.KeyEvent(kb.Escape), chromedp.Click(`label:has(input[value="1440"])`))
	b.see("#tiles", "in this time")

	b.run(chromedp.Click(`nav a[href="#entries"]`))
	b.see("#entries", "capital of Niger")
	b.run(chromedp.SendKeys("#search", "QUOTES"+kb.Enter))
	b.see("#entries-note", "1 entry")
	b.run(chromedp.Click("#entries summary"))
	b.see("#entries pre", "<img src=x")
	b.shot("entries-light")
	if title := b.js("document.title"); title != "Kvasir" || b.js(`document.querySelectorAll("#entries img").length`) != 0.0 {
		t.Errorf("text of an entry became part of the page: %v", title)
	}

	b.run(chromedp.Click("//button[text()='Why']"))
	b.see(".verdict", "answer (exact)")
	b.run(chromedp.SetValue("#why-prompt", "WHAT is the capital of Niger now?"), chromedp.Click("#why-form button"))
	b.see("#why-result", "score")
	b.see("#why-result", "capital of Niger")
	b.shot("why-light")

	marked := b.js(`aligned("Où est le Niger ?", "Où est la Nigeria ?", [{at: [8, 10, 8, 10], allowed: true}, {at: [11, 16, 11, 18], allowed: false}])
		.map((e) => [...e.querySelectorAll("mark")].map((m) => m.className + ":" + m.textContent).join(" ") + "|" + e.textContent).join("; ")`)
	if marked != "allowed:le :Niger|Où est le Niger ?; allowed:la :Nigeria|Où est la Nigeria ?" {
		t.Errorf("differences are marked as %v", marked)
	}

	b.run(chromedp.Click(`nav a[href="#entries"]`))
	b.see("#entries-note", "1 entry")
	b.run(chromedp.Click("#entries summary"), chromedp.Click("//button[text()='Remove']"), chromedp.Click("//button[text()='Really remove?']"))
	b.see("#entries-note", "is removed")
	if r := f.look(t, "GET", "/entries?search=quotes", ""); strings.Contains(r.body, "quotes") {
		t.Errorf("it is still there: %s", r.body)
	}

	b.run(chromedp.Reload())
	b.see("#entries-note", "entries") // the tab keeps the token
	b.run(chromedp.Click("#sign-out"))
	b.see("label", "Token of the admin listener")
	if kept := b.js("sessionStorage.length + localStorage.length + document.cookie.length"); kept != 0.0 {
		t.Errorf("something is kept: %v", kept)
	}
	b.end(f.admin.URL)
}

func TestBrowser_WorksByKeyboardAtPhoneWidthAndInTheDark(t *testing.T) {
	f := busy(t)
	b := openBrowser(t, f.admin.URL+"/")
	b.look(375, "dark")
	b.see("h1", "Kvasir")
	b.fits("sign in")
	b.run(chromedp.KeyEvent(adminToken), chromedp.KeyEvent(kb.Enter)) // the field has the focus
	b.see("#tiles", "Hit rate")
	b.fits("overview")
	b.shot("overview-phone-dark")
	dark := b.js("getComputedStyle(document.body).backgroundColor")
	reach := func(what string) {
		t.Helper()
		for range 40 {
			b.run(chromedp.KeyEvent(kb.Tab))
			if b.js(what) == true {
				return
			}
		}
		t.Fatalf("the keyboard does not reach %s", what)
	}
	reach(`document.activeElement.hash === "#entries"`)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.see("#entries", "capital of Niger")
	b.fits("entries")
	reach(`document.activeElement.tagName === "SUMMARY"`)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.see("#entries pre", "capital of Niger")
	b.fits("an entry")
	b.shot("entries-phone-dark")
	reach(`document.activeElement.textContent === "Why"`)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.see(".verdict", "answer (exact)")
	b.fits("why")
	b.shot("why-phone-dark")
	b.look(375, "light")
	if light := b.js("getComputedStyle(document.body).backgroundColor"); light == dark {
		t.Errorf("dark and light are both %v", dark)
	}
	b.look(1280, "dark")
	b.run(chromedp.Click(`nav a[href="#overview"]`))
	b.see("#tiles", "Hit rate")
	b.shot("overview-dark")
	b.end(f.admin.URL)
}
