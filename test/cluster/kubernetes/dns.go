package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// runDNS is the cluster's name server: Services and their endpoints from the API server, the outside world's names from a
// file. It never asks anybody else: a name that it does not know does not exist.
func runDNS(args []string) error {
	flags := flag.NewFlagSet("dns", flag.ContinueOnError)
	address := flags.String("address", "", "HOST:PORT to answer on, UDP and TCP")
	kubeconfig := flags.String("kubeconfig", "", "may list and watch services and endpointslices")
	domain := flags.String("cluster-domain", "cluster.local", "")
	hosts := flags.String("hosts", "", "file with lines `ADDRESS NAME…`, read again when it changes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	records, err := watchRecords(ctx, client, *domain, *hosts)
	if err != nil {
		return err
	}
	packets, err := net.ListenPacket("udp", *address)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	log.SetOutput(os.Stderr)
	log.Printf("answering on %s", *address)
	go serveUDP(packets, records)
	go serveTCP(listener, records)
	<-ctx.Done()
	return nil
}

func serveUDP(packets net.PacketConn, records *records) {
	buffer := make([]byte, 65535)
	for {
		length, from, err := packets.ReadFrom(buffer)
		if err != nil {
			log.Fatalf("udp: %v", err)
		}
		if answer := respond(buffer[:length], records, false); answer != nil {
			packets.WriteTo(answer, from)
		}
	}
}

func serveTCP(listener net.Listener, records *records) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatalf("tcp: %v", err)
		}
		go func() {
			defer connection.Close()
			for {
				connection.SetDeadline(time.Now().Add(10 * time.Second))
				var length uint16
				if binary.Read(connection, binary.BigEndian, &length) != nil {
					return
				}
				query := make([]byte, length)
				if _, err := io.ReadFull(connection, query); err != nil {
					return
				}
				answer := respond(query, records, true)
				if answer == nil {
					return
				}
				if _, err := connection.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		}()
	}
}

// respond returns nil for what is no query at all.
func respond(query []byte, records *records, overTCP bool) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil || header.Response {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return nil
	}
	limit := 512
	if overTCP {
		limit = 65535
	}
	edns := offeredSize(&parser)
	if edns > limit {
		limit = edns
	}
	found := records.lookUp(question)
	reply := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, OpCode: header.OpCode, Authoritative: true,
			RecursionDesired: header.RecursionDesired, RecursionAvailable: true, RCode: found.code,
		},
		Questions: []dnsmessage.Question{question},
		Answers:   found.answers,
	}
	if header.OpCode != 0 {
		reply.RCode, reply.Answers = dnsmessage.RCodeNotImplemented, nil
	}
	if len(reply.Answers) == 0 && found.zone != "" {
		reply.Authorities = []dnsmessage.Resource{startOfAuthority(found.zone)}
	}
	if edns > 0 {
		var option dnsmessage.ResourceHeader
		if option.SetEDNS0(1232, dnsmessage.RCodeSuccess, false) == nil {
			reply.Additionals = []dnsmessage.Resource{{Header: option, Body: &dnsmessage.OPTResource{}}}
		}
	}
	packed, err := reply.Pack()
	if err == nil && len(packed) > limit {
		// Whoever asked asks again over TCP.
		reply.Answers, reply.Truncated = nil, true
		packed, err = reply.Pack()
	}
	if err != nil {
		log.Printf("%s: %v", question.Name, err)
		return nil
	}
	return packed
}

// offeredSize is the answer size that the client takes over UDP, or 0 without EDNS.
func offeredSize(parser *dnsmessage.Parser) int {
	if parser.SkipAllQuestions() != nil || parser.SkipAllAnswers() != nil || parser.SkipAllAuthorities() != nil {
		return 0
	}
	for {
		header, err := parser.AdditionalHeader()
		if err != nil {
			return 0
		}
		if header.Type == dnsmessage.TypeOPT {
			return min(max(int(header.Class), 512), 4096)
		}
		if parser.SkipAdditional() != nil {
			return 0
		}
	}
}

// startOfAuthority says how long an answer "no" may be remembered: names appear while tests run.
func startOfAuthority(zone string) dnsmessage.Resource {
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(zone), Class: dnsmessage.ClassINET, TTL: 1},
		Body: &dnsmessage.SOAResource{
			NS: dnsmessage.MustNewName("ns." + strings.TrimPrefix(zone, ".")), MBox: dnsmessage.MustNewName("none.invalid."),
			Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, MinTTL: 1,
		},
	}
}

func dnsMain(args []string) {
	if err := runDNS(args); err != nil {
		fmt.Fprintln(os.Stderr, "dns:", err)
		os.Exit(1)
	}
}
