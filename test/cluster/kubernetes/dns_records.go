package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

const (
	timeToLive  = 5
	byAddress   = "address"
	byService   = "service"
	reverseZone = "in-addr.arpa."
)

// records knows every name of the cluster, after the DNS specification of Kubernetes, and those of the hosts file.
type records struct {
	domain   string // with both dots: `.cluster.local.`
	services cache.Indexer
	slices   cache.Indexer
	hosts    *hostsFile
}

// finding is an answer. Zone is empty where nobody may remember a "no".
type finding struct {
	code    dnsmessage.RCode
	answers []dnsmessage.Resource
	zone    string
}

func watchRecords(ctx context.Context, client kubernetes.Interface, domain, hosts string) (*records, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	services := factory.Core().V1().Services().Informer()
	endpoints := factory.Discovery().V1().EndpointSlices().Informer()
	if err := services.AddIndexers(cache.Indexers{byAddress: func(object any) ([]string, error) {
		return object.(*core.Service).Spec.ClusterIPs, nil
	}}); err != nil {
		return nil, err
	}
	if err := endpoints.AddIndexers(cache.Indexers{byService: func(object any) ([]string, error) {
		slice := object.(*discovery.EndpointSlice)
		return []string{slice.Namespace + "/" + slice.Labels[discovery.LabelServiceName]}, nil
	}}); err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, fmt.Errorf("no list of %s", kind)
		}
	}
	return &records{
		domain:   "." + strings.Trim(domain, ".") + ".",
		services: services.GetIndexer(),
		slices:   endpoints.GetIndexer(),
		hosts:    &hostsFile{path: hosts},
	}, nil
}

func (r *records) lookUp(question dnsmessage.Question) finding {
	name := strings.ToLower(question.Name.String())
	switch {
	case strings.HasSuffix(name, "."+reverseZone):
		return r.reverse(question, strings.TrimSuffix(name, "."+reverseZone))
	case "."+name == r.domain:
		return finding{zone: r.domain[1:]}
	case strings.HasSuffix(name, r.domain):
		return r.inCluster(question, strings.Split(strings.TrimSuffix(name, r.domain), "."))
	}
	addresses := r.hosts.find(strings.TrimSuffix(name, "."))
	if addresses == nil {
		return finding{code: dnsmessage.RCodeNameError}
	}
	return finding{answers: addressRecords(question, question.Name, addresses)}
}

// inCluster takes the labels before the cluster's domain: `web.shop.svc`, `db-0.db.shop.svc`, `_http._tcp.web.shop.svc`.
func (r *records) inCluster(question dnsmessage.Question, labels []string) finding {
	none := finding{code: dnsmessage.RCodeNameError, zone: r.domain[1:]}
	last := len(labels) - 1
	if labels[last] != "svc" {
		return none
	}
	if last < 2 {
		return finding{zone: r.domain[1:]}
	}
	object, known, err := r.services.GetByKey(labels[last-1] + "/" + labels[last-2])
	if err != nil || !known {
		return none
	}
	service, before := object.(*core.Service), labels[:last-2]
	if service.Spec.Type == core.ServiceTypeExternalName {
		return finding{answers: []dnsmessage.Resource{resource(question.Name, &dnsmessage.CNAMEResource{
			CNAME: dnsmessage.MustNewName(strings.TrimSuffix(service.Spec.ExternalName, ".") + "."),
		})}}
	}
	endpoints := r.endpointsOf(service)
	switch {
	case len(before) == 0:
		return finding{answers: addressRecords(question, question.Name, addressesOf(service, endpoints)), zone: r.domain[1:]}
	case len(before) == 2 && strings.HasPrefix(before[0], "_") && strings.HasPrefix(before[1], "_"):
		answers := r.portRecords(question, service, endpoints, before[0][1:], before[1][1:])
		if answers == nil {
			return none
		}
		if question.Type != dnsmessage.TypeSRV {
			answers = nil
		}
		return finding{answers: answers, zone: r.domain[1:]}
	case len(before) == 1 && service.Spec.ClusterIP == core.ClusterIPNone:
		for _, each := range endpoints {
			if each.label == before[0] {
				return finding{answers: addressRecords(question, question.Name, []string{each.address}), zone: r.domain[1:]}
			}
		}
	}
	return none
}

// endpoint of a headless Service. Label is its own name below the Service's.
type endpoint struct {
	address, label string
	ports          []discovery.EndpointPort
}

func (r *records) endpointsOf(service *core.Service) []endpoint {
	if service.Spec.ClusterIP != core.ClusterIPNone {
		return nil
	}
	found, _ := r.slices.ByIndex(byService, service.Namespace+"/"+service.Name)
	var endpoints []endpoint
	for _, object := range found {
		slice := object.(*discovery.EndpointSlice)
		for _, each := range slice.Endpoints {
			ready := each.Conditions.Ready == nil || *each.Conditions.Ready
			if !ready && !service.Spec.PublishNotReadyAddresses {
				continue
			}
			for _, address := range each.Addresses {
				label := strings.NewReplacer(".", "-", ":", "-").Replace(address)
				if each.Hostname != nil && *each.Hostname != "" {
					label = *each.Hostname
				}
				endpoints = append(endpoints, endpoint{address, label, slice.Ports})
			}
		}
	}
	return endpoints
}

func addressesOf(service *core.Service, endpoints []endpoint) []string {
	if service.Spec.ClusterIP != core.ClusterIPNone {
		return service.Spec.ClusterIPs
	}
	var addresses []string
	for _, each := range endpoints {
		addresses = append(addresses, each.address)
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// portRecords returns nil where the Service has no such port.
func (r *records) portRecords(question dnsmessage.Question, service *core.Service, endpoints []endpoint, port, protocol string) []dnsmessage.Resource {
	base := service.Name + "." + service.Namespace + ".svc" + r.domain
	var answers []dnsmessage.Resource
	add := func(number int32, target string) {
		answers = append(answers, resource(question.Name, &dnsmessage.SRVResource{
			Weight: 100, Port: uint16(number), Target: dnsmessage.MustNewName(target),
		}))
	}
	if service.Spec.ClusterIP != core.ClusterIPNone {
		for _, each := range service.Spec.Ports {
			if each.Name == port && strings.EqualFold(string(each.Protocol), protocol) {
				add(each.Port, base)
			}
		}
		return answers
	}
	for _, each := range endpoints {
		for _, own := range each.ports {
			if own.Name != nil && *own.Name == port && own.Port != nil && own.Protocol != nil && strings.EqualFold(string(*own.Protocol), protocol) {
				add(*own.Port, each.label+"."+base)
			}
		}
	}
	return answers
}

func (r *records) reverse(question dnsmessage.Question, name string) finding {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	found, _ := r.services.ByIndex(byAddress, strings.Join(labels, "."))
	if len(found) == 0 {
		return finding{code: dnsmessage.RCodeNameError}
	}
	if question.Type != dnsmessage.TypePTR {
		return finding{}
	}
	service := found[0].(*core.Service)
	target := service.Name + "." + service.Namespace + ".svc" + r.domain
	return finding{answers: []dnsmessage.Resource{resource(question.Name, &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(target)})}}
}

func resource(name dnsmessage.Name, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: timeToLive},
		Body:   body,
	}
}

// addressRecords are those of the family that was asked for.
func addressRecords(question dnsmessage.Question, name dnsmessage.Name, addresses []string) []dnsmessage.Resource {
	var answers []dnsmessage.Resource
	for _, text := range addresses {
		address, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		switch {
		case address.Is4() && (question.Type == dnsmessage.TypeA || question.Type == dnsmessage.TypeALL):
			answers = append(answers, resource(name, &dnsmessage.AResource{A: address.As4()}))
		case address.Is6() && (question.Type == dnsmessage.TypeAAAA || question.Type == dnsmessage.TypeALL):
			answers = append(answers, resource(name, &dnsmessage.AAAAResource{AAAA: address.As16()}))
		}
	}
	return answers
}

// hostsFile is read again when its time of change is another.
type hostsFile struct {
	path    string
	mutex   sync.Mutex
	changed time.Time
	names   map[string][]string
}

// find returns nil for a name that is not in the file.
func (h *hostsFile) find(name string) []string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	found, err := os.Stat(h.path)
	if err != nil {
		return nil
	}
	if !found.ModTime().Equal(h.changed) {
		h.names, h.changed = readHosts(h.path), found.ModTime()
	}
	return h.names[name]
}

func readHosts(path string) map[string][]string {
	names := map[string][]string{}
	file, err := os.Open(path)
	if err != nil {
		return names
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) < 2 || net.ParseIP(fields[0]) == nil {
			continue
		}
		for _, name := range fields[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			names[name] = append(names[name], fields[0])
		}
	}
	return names
}
