package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	etherTypeIPv4 = 0x0800
	ipHeader      = 20
	udpHeader     = 8
)

// packet sends one UDP datagram as a finished IPv4 packet by a packet socket, which no rule of iptables sees. Needs NET_RAW.
func packet(target string) {
	start := time.Now()
	host, portText, err := net.SplitHostPort(target)
	if err != nil {
		fail(start, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		fail(start, err)
	}
	to := net.ParseIP(host).To4()
	if to == nil {
		fail(start, fmt.Errorf("not an IPv4 address: %s", host))
	}
	link, from, err := ownLink()
	if err != nil {
		fail(start, err)
	}
	// Any question to the name server makes the kernel learn the gateway's hardware address.
	net.LookupHost("gateway.invalid")
	gateway, err := gatewayAddress()
	if err != nil {
		fail(start, err)
	}
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM, int(bigEndian(etherTypeIPv4)))
	if err != nil {
		fail(start, err)
	}
	address := &syscall.SockaddrLinklayer{Protocol: bigEndian(etherTypeIPv4), Ifindex: link.Index, Halen: uint8(len(gateway))}
	copy(address.Addr[:], gateway)
	if err := syscall.Sendto(socket, datagram(from, to, port, []byte("hello\n")), 0, address); err != nil {
		fail(start, err)
	}
	say("done", line{"answer": "sent", "afterMs": time.Since(start).Milliseconds()})
}

// ownLink is the interface that is not loopback, with its IPv4 address.
func ownLink() (*net.Interface, net.IP, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, nil, err
	}
	for _, link := range links {
		addresses, _ := link.Addrs()
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok && !network.IP.IsLoopback() && network.IP.To4() != nil {
				return &link, network.IP.To4(), nil
			}
		}
	}
	return nil, nil, fmt.Errorf("no interface with an IPv4 address")
}

// gatewayAddress is the hardware address that the kernel knows of the only neighbour that it has to know.
func gatewayAddress() (net.HardwareAddr, error) {
	table, err := os.ReadFile("/proc/net/arp")
	if err != nil {
		return nil, err
	}
	for _, row := range strings.Split(string(table), "\n")[1:] {
		if fields := strings.Fields(row); len(fields) > 3 && fields[3] != "00:00:00:00:00:00" {
			return net.ParseMAC(fields[3])
		}
	}
	return nil, fmt.Errorf("no neighbour in /proc/net/arp")
}

func datagram(from, to net.IP, port int, payload []byte) []byte {
	bytes := make([]byte, ipHeader+udpHeader, ipHeader+udpHeader+len(payload))
	bytes = append(bytes, payload...)
	bytes[0] = 0x45
	binary.BigEndian.PutUint16(bytes[2:], uint16(len(bytes)))
	bytes[8] = 64
	bytes[9] = syscall.IPPROTO_UDP
	copy(bytes[12:], from)
	copy(bytes[16:], to)
	binary.BigEndian.PutUint16(bytes[10:], checksum(bytes[:ipHeader]))
	binary.BigEndian.PutUint16(bytes[ipHeader:], 40_000)
	binary.BigEndian.PutUint16(bytes[ipHeader+2:], uint16(port))
	// A checksum of zero means that there is none.
	binary.BigEndian.PutUint16(bytes[ipHeader+4:], uint16(udpHeader+len(payload)))
	return bytes
}

func checksum(header []byte) uint16 {
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func bigEndian(value uint16) uint16 {
	return value<<8 | value>>8
}
