// Command probe is what the test pods do: it makes one kind of traffic, or serves it, and prints what happened as
// JSON lines, each with the time in milliseconds since the epoch. Called by the name `try`, it prints a sentence instead.
//
//	probe http URL                    one request; {"event":"done","status":200,"body":"…"} or {"event":"failed"}
//	probe tls HOST:PORT               one TLS handshake and HTTP request, certificate not verified
//	probe tcp HOST:PORT [TEXT]        connect, send a line, read the echo, close
//	probe udp HOST:PORT [TEXT]        one datagram, wait for the echo
//	probe tcp-hold HOST:PORT          connect, send one line, then stay idle until the other side closes; a line on
//	                                  standard input is sent on, and {"event":"echo"} when it is back
//	probe tcp-send HOST:PORT [MS]     connect and send a line every MS (default 100) until it is cut
//	probe http-send URL [MS]          one request every MS on one kept-alive connection; only failures and changes are printed
//	probe packet ADDRESS:PORT         one datagram past the kernel's firewall, by a packet socket; no answer is waited for
//	probe server [PORT]               HTTP on PORT (default 8080) and TCP echo on PORT+1
//	probe pause                       nothing, until it is told to stop: the pod sandbox's process
package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var timeout = flag.Duration("timeout", 3*time.Second, "for connecting, and for each answer that is waited for")

type line map[string]any

var forPeople = filepath.Base(os.Args[0]) == "try"

func say(event string, more line) {
	if forPeople {
		fmt.Println(sentence(event, more))
		return
	}
	out := line{"at": time.Now().UnixMilli(), "event": event}
	for key, value := range more {
		out[key] = value
	}
	json.NewEncoder(os.Stdout).Encode(out)
}

// sentence is what a person reads; one line, without what only programs compare.
func sentence(event string, more line) string {
	switch event {
	case "failed":
		why := fmt.Sprint(more["error"])
		// The innermost error is the last: what comes before it repeats the target.
		if cut := strings.LastIndex(why, ": "); cut >= 0 {
			why = why[cut+2:]
		}
		if why == "EOF" {
			why = "connection closed"
		}
		return fmt.Sprintf("no answer after %v ms: %s", more["afterMs"], why)
	case "done":
		for _, key := range []string{"body", "subject", "answer"} {
			if text, ok := more[key].(string); ok {
				return fmt.Sprintf("answered after %v ms: %s", more["afterMs"], strings.TrimSpace(text))
			}
		}
	}
	return fmt.Sprint(event, " ", map[string]any(more))
}

// fail prints what went wrong and after how long, and ends with code 1.
func fail(start time.Time, err error) {
	say("failed", line{"error": err.Error(), "afterMs": time.Since(start).Milliseconds()})
	os.Exit(1)
}

func main() {
	flag.Parse()
	mode, target, third := flag.Arg(0), flag.Arg(1), flag.Arg(2)
	switch mode {
	case "http":
		get(target)
	case "tls":
		handshake(target)
	case "tcp":
		echo("tcp", target, third)
	case "udp":
		echo("udp", target, third)
	case "tcp-hold":
		hold(target)
	case "tcp-send":
		send(target, interval(third))
	case "http-send":
		requests(target, interval(third))
	case "packet":
		packet(target)
	case "server":
		serve(target)
	case "pause":
		pause()
	default:
		fmt.Fprintf(os.Stderr, "unknown mode %q\n", mode)
		os.Exit(2)
	}
}

func interval(text string) time.Duration {
	if text == "" {
		return 100 * time.Millisecond
	}
	ms, err := strconv.Atoi(text)
	if err != nil || ms < 1 {
		fmt.Fprintf(os.Stderr, "not a number of milliseconds: %q\n", text)
		os.Exit(2)
	}
	return time.Duration(ms) * time.Millisecond
}

func get(url string) {
	start := time.Now()
	client := &http.Client{Timeout: *timeout}
	response, err := client.Get(url)
	if err != nil {
		fail(start, err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		fail(start, err)
	}
	say("done", line{"status": response.StatusCode, "body": string(body), "afterMs": time.Since(start).Milliseconds()})
	if response.StatusCode >= 400 {
		os.Exit(1)
	}
}

func handshake(target string) {
	start := time.Now()
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		fail(start, err)
	}
	// What is tested is whether bytes get out; the certificate is the test site's own.
	config := &tls.Config{InsecureSkipVerify: true, ServerName: host}
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: *timeout}, "tcp", target, config)
	if err != nil {
		fail(start, err)
	}
	connection.SetDeadline(time.Now().Add(*timeout))
	fmt.Fprintf(connection, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", host)
	answer, err := io.ReadAll(io.LimitReader(connection, 4096))
	if err != nil {
		fail(start, err)
	}
	say("done", line{
		"subject": connection.ConnectionState().PeerCertificates[0].Subject.CommonName,
		"bytes":   len(answer),
		"afterMs": time.Since(start).Milliseconds(),
	})
}

func echo(network, target, text string) {
	start := time.Now()
	if text == "" {
		text = "hello"
	}
	connection, err := net.DialTimeout(network, target, *timeout)
	if err != nil {
		fail(start, err)
	}
	connection.SetDeadline(time.Now().Add(*timeout))
	if _, err := fmt.Fprintln(connection, text); err != nil {
		fail(start, err)
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		fail(start, err)
	}
	say("done", line{"answer": answer, "afterMs": time.Since(start).Milliseconds()})
}

// open connects, sends a first line and waits for its echo: only then does a proxy in between surely have the other half.
func open(target string) (net.Conn, *bufio.Reader) {
	start := time.Now()
	connection, err := net.DialTimeout("tcp", target, *timeout)
	if err != nil {
		fail(start, err)
	}
	connection.SetDeadline(time.Now().Add(*timeout))
	fmt.Fprintln(connection, "open")
	reader := bufio.NewReader(connection)
	if _, err := reader.ReadString('\n'); err != nil {
		fail(start, err)
	}
	connection.SetDeadline(time.Time{})
	say("open", line{"local": connection.LocalAddr().String()})
	return connection, reader
}

func hold(target string) {
	connection, reader := open(target)
	opened := time.Now()
	// Standard input may be at its end from the start: then nothing is sent, and the connection is held all the same.
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			fmt.Fprintln(connection, lines.Text())
		}
	}()
	for {
		text, err := reader.ReadString('\n')
		if err != nil {
			say("closed", line{"error": err.Error(), "afterMs": time.Since(opened).Milliseconds()})
			return
		}
		say("echo", line{"text": strings.TrimSpace(text)})
	}
}

func send(target string, every time.Duration) {
	connection, reader := open(target)
	opened := time.Now()
	var sent, echoed atomic.Int64
	done := make(chan error, 2)
	go func() {
		for {
			if _, err := reader.ReadString('\n'); err != nil {
				done <- err
				return
			}
			echoed.Add(1)
		}
	}()
	go func() {
		for range time.Tick(every) {
			if _, err := fmt.Fprintln(connection, "line"); err != nil {
				done <- err
				return
			}
			if n := sent.Add(1); n%max(1, int64(time.Second/every)) == 0 {
				say("sending", line{"sent": n, "echoed": echoed.Load()})
			}
		}
	}()
	err := <-done
	say("closed", line{"error": err.Error(), "sent": sent.Load(), "echoed": echoed.Load(), "afterMs": time.Since(opened).Milliseconds()})
}

func requests(url string, every time.Duration) {
	client := &http.Client{Timeout: *timeout}
	last, count := "", 0
	for range time.Tick(every) {
		now := ""
		response, err := client.Get(url)
		if err != nil {
			now = err.Error()
		} else {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			now = strconv.Itoa(response.StatusCode)
			if err != nil {
				now = err.Error()
			}
		}
		count++
		if now != last || count%max(1, int(time.Second/every)) == 0 {
			say("answer", line{"answer": now, "count": count})
		}
		last = now
	}
}

func serve(portText string) {
	port := 8080
	if portText != "" {
		var err error
		if port, err = strconv.Atoi(portText); err != nil {
			fail(time.Now(), err)
		}
	}
	name, _ := os.Hostname()
	start := time.Now()
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port+1))
	if err != nil {
		fail(start, err)
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				fail(start, err)
			}
			say("accepted", line{"from": connection.RemoteAddr().String()})
			go func() {
				bytes, err := io.Copy(connection, connection)
				say("gone", line{"from": connection.RemoteAddr().String(), "bytes": bytes, "error": fmt.Sprint(err)})
				connection.Close()
			}()
		}
	}()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s from %s\n", name, r.URL.Path, r.RemoteAddr)
	})
	say("listening", line{"http": port, "tcp": port + 1})
	go pause()
	fail(start, http.ListenAndServe(fmt.Sprintf(":%d", port), nil))
}

func pause() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	if os.Getpid() == 1 {
		// First process of a pod that may share its process namespace: reap what others leave.
		reap := make(chan os.Signal, 1)
		signal.Notify(reap, syscall.SIGCHLD)
		go func() {
			for range reap {
				for {
					if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
						break
					}
				}
			}
		}()
	}
	<-stop
	os.Exit(0)
}
