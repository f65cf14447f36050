#!/bin/sh
# Captures a pod's outbound traffic; runs in the init container, before anything else of the pod.
#
#   capture.sh EXCLUDED_RANGES EXCLUDED_PORTS [ALLOW_UDP]
#
# IPv4 CIDRs and TCP ports, comma-separated, may be empty; `true` leaves UDP over IPv4 open, `false` is the default.
#
# TCP goes to Envoy. Nothing else leaves the pod but questions to its own name servers, and answers to whoever asked the
# pod. Each table is written in one transaction, and any failure is the container's: the pod then does not start.
# Running it again gives the same rules, and lets no other name server through than the first time.
set -eu

outbound_port=15001
envoy_uid=1500

excluded_ranges=${1:-}
excluded_ports=${2:-}
allow_udp=${3:-false}

fail() {
  echo "capture: $*" >&2
  exit 1
}

case $excluded_ranges in *[!0-9./,]*) fail "excluded ranges: not IPv4 CIDRs: $excluded_ranges" ;; esac
case $excluded_ports in *[!0-9,]*) fail "excluded ports: not numbers: $excluded_ports" ;; esac
case $allow_udp in true | false) ;; *) fail "allow UDP: neither true nor false: $allow_udp" ;; esac

standing=$(iptables -w 10 -S) || fail 'the rules that stand could not be read'

# The pod's own, as the kubelet wrote them before any container ran. From then on resolv.conf is the containers' to write,
# and where all of them are restarted this runs again in the same network: those that are let through already stay.
# IPv6 servers are left out: IPv6 is closed.
name_servers() {
  case $standing in
    *'-A OUTPUT -j PROXY_REFUSE'*) servers_let_through ;;
    *) servers_written ;;
  esac
}

servers_let_through() {
  echo "$standing" | while read -r rule; do
    case $rule in
      '-A PROXY_REFUSE -d '*' -p udp '*'--dport 53 -j RETURN')
        address=${rule#-A PROXY_REFUSE -d }
        echo "${address%%/32 *}"
        ;;
    esac
  done
}

servers_written() {
  while read -r keyword address _; do
    [ "$keyword" = nameserver ] || continue
    case $address in
      *[!0-9.]* | '') ;;
      *) echo "$address" ;;
    esac
  done </etc/resolv.conf
}

# Prints the rule that sends OUTPUT to a chain of ours, unless it is there from an earlier run.
#   jump PROGRAM TABLE MATCH... -j CHAIN
jump() {
  program=$1
  table=$2
  shift 2
  "$program" -w 10 -t "$table" -C OUTPUT "$@" 2>/dev/null || echo "-I OUTPUT 1 $*"
}

redirection() {
  echo '*nat'
  # Declaring a chain empties it.
  echo ':PROXY_REDIRECT - [0:0]'
  echo ':PROXY_OUTPUT - [0:0]'
  echo "-A PROXY_REDIRECT -p tcp -j REDIRECT --to-ports $outbound_port"
  # What Envoy sends is what it has decided.
  echo "-A PROXY_OUTPUT -m owner --uid-owner $envoy_uid -j RETURN"
  echo '-A PROXY_OUTPUT -d 127.0.0.1/32 -j RETURN'
  for range in $(echo "$excluded_ranges" | tr ',' ' '); do
    echo "-A PROXY_OUTPUT -d $range -j RETURN"
  done
  for port in $(echo "$excluded_ports" | tr ',' ' '); do
    echo "-A PROXY_OUTPUT -p tcp --dport $port -j RETURN"
  done
  echo '-A PROXY_OUTPUT -j PROXY_REDIRECT'
  jump iptables nat -p tcp -j PROXY_OUTPUT
  echo COMMIT
}

refusal() {
  echo '*filter'
  echo ':PROXY_REFUSE - [0:0]'
  echo '-A PROXY_REFUSE -o lo -j RETURN'
  echo '-A PROXY_REFUSE -p tcp -j RETURN'
  # Answers to whoever asked the pod, as with TCP; the pod itself cannot begin such a flow.
  echo '-A PROXY_REFUSE -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j RETURN'
  # Envoy resolves no names.
  echo "-A PROXY_REFUSE -m owner --uid-owner $envoy_uid -j REJECT"
  for server in $servers; do
    echo "-A PROXY_REFUSE -p udp -d $server/32 --dport 53 -j RETURN"
  done
  # Behind Envoy's own refusal: only the pod's containers may.
  if [ "$allow_udp" = true ]; then echo '-A PROXY_REFUSE -p udp -j RETURN'; fi
  echo '-A PROXY_REFUSE -j REJECT'
  jump iptables filter -j PROXY_REFUSE
  echo COMMIT
}

refusal6() {
  echo '*filter'
  echo ':PROXY_REFUSE - [0:0]'
  echo '-A PROXY_REFUSE -o lo -j RETURN'
  # An ICMP error would only reach the client at its next try, a second later.
  echo '-A PROXY_REFUSE -p tcp -j REJECT --reject-with tcp-reset'
  echo '-A PROXY_REFUSE -j REJECT'
  jump ip6tables filter -j PROXY_REFUSE
  echo COMMIT
}

servers=$(name_servers) || fail 'resolv.conf could not be read'

# Each text is complete before it is applied: in a pipe, a part that fails would go unnoticed.
rules=$(redirection)
echo "$rules" | iptables-restore -w 10 --noflush || fail 'the nat table could not be written'
rules=$(refusal)
echo "$rules" | iptables-restore -w 10 --noflush || fail 'the filter table could not be written'

# Absent only where the kernel runs without IPv6, so that no such socket can be opened.
if [ -e /proc/net/if_inet6 ]; then
  rules=$(refusal6)
  echo "$rules" | ip6tables-restore -w 10 --noflush || fail 'the IPv6 filter table could not be written'
fi

echo "capture: TCP to port $outbound_port; excluded: ranges ${excluded_ranges:-none}, ports ${excluded_ports:-none}; UDP allowed: $allow_udp; name servers:" $servers
