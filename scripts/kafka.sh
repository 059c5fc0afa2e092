#!/usr/bin/env bash
# A real Apache Kafka for tests and development, without containers: one broker or a cluster of three on loopback.
#
#   kafka.sh jars               fetch Apache Kafka by Maven into the cache (once); prints the folder
#   kafka.sh start N DIR        start N brokers (1 or 3) that keep everything in DIR, wait until they take requests,
#                               print the bootstrap servers and write them to DIR/bootstrap
#   kafka.sh stop DIR           stop them; DIR stays
#   kafka.sh status DIR         one line for each broker: its number, its port, running or stopped
#   kafka.sh kill DIR I         kill -9 broker I (from 1)
#   kafka.sh restart DIR I      start broker I again, on the same data and port
#   kafka.sh pause DIR I        stop broker I in its tracks (SIGSTOP)
#   kafka.sh resume DIR I       and let it go on
#   kafka.sh end DIR I          have broker I hand over what it leads, and stop
#   kafka.sh fill DIR I         let broker I write nothing more to any file, as on a full disk, until it starts again
#   kafka.sh consume BOOTSTRAP TOPIC N
#                               print the first N messages of a topic with Kafka's own console consumer, a line each:
#                               Offset:OFFSET, key and value, with tabs between
#
# With KAFKA_WATCH_PID=PID in the environment of `start`, the brokers end soon after that process does, and DIR, empty
# before, is removed: so a test that is killed leaves nothing behind. With KAFKA_WATCH_KEEP=1, DIR stays. KAFKA_HEAP
# (512m) is the heap of each broker. KAFKA_PROXY_PORTS="C1 .. CN P1 .. PN" has broker I tell clients to come to port CI and
# the other brokers to port PI, where the caller listens and leads them on to the ports that `start` writes to DIR/behind in
# the same order. With KAFKA_AS_USUAL=1 in the environment of `start`, the brokers clean and delete when Kafka itself would;
# else they do both at once, as tests want it, which costs the more the more topics there are. With KAFKA_TLS=1, `start`
# makes an authority and a certificate by OpenSSL, and the brokers take clients by TLS, too: DIR/tls has the bootstrap
# servers for that, DIR/ca.pem the authority. KAFKA_FORBIDS=SETTING has a policy of the brokers refuse topics that are to
# have that setting. KAFKATALK_CACHE is where Kafka itself is kept, from the repository's folder.
#
# It needs Java 17 or later, and Maven for the first run only; KAFKA_TLS OpenSSL 3, KAFKA_FORBIDS a JDK.
set -euo pipefail

readonly KAFKA_VERSION=4.1.1
readonly LOG4J_VERSION=2.25.1
readonly JAVA_MIN=17
readonly FETCH_TRIES=3
readonly FETCH_PAUSE_SECONDS=10
readonly READY_WAIT_SECONDS=270
readonly STOP_WAIT_SECONDS=15
readonly HAND_OVER_WAIT_SECONDS=90
readonly CONSUME_SILENCE_MS=60000
PROXIES=()

# The builder's cache: whoever calls, and from wherever.
cache_dir() {
  local cache=${KAFKATALK_CACHE:-${XDG_CACHE_HOME:-~/.cache}/kafkatalk}
  case $cache in /*) ;; *) cache=${SELF%/scripts/*}/$cache ;; esac
  echo "$cache/kafka-$KAFKA_VERSION"
}

say() { echo "kafka.sh: $*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs a Debian package where that is possible, else says what is missing.
need() {
  local command=$1 package=$2
  command -v "$command" >/dev/null 2>&1 && return
  if command -v apt-get >/dev/null 2>&1; then
    say "installing $package"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq)
    { as_root "${apt[@]}" update && as_root "${apt[@]}" install -y --no-install-recommends "$package"; } >&2 || true
  fi
  command -v "$command" >/dev/null 2>&1 || fail "$command is missing: install $package (Debian's name for it)"
}

need_java() {
  need java default-jdk-headless
  local version
  # A Java that does not even start is told as one of an unknown version.
  version=$({ java -version 2>&1 || true; } | sed -n 's/.*version "\([0-9]*\).*/\1/p;/version "/q')
  [ "${version:-0}" -ge "$JAVA_MIN" ] || fail "Java ${version:-of an unknown version} is too old: Kafka needs $JAVA_MIN"
}

write_pom() {
  cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafkatalk</groupId><artifactId>kafka-jars</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$KAFKA_VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$LOG4J_VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>$LOG4J_VERSION</version></dependency>
  </dependencies>
</project>
POM
}

# The folder is renamed into place when it is whole, so that an interrupted download is never taken for a good one.
jars() {
  local dir; dir=$(cache_dir)
  if [ ! -d "$dir/jars" ]; then
    need_java
    need mvn maven
    mkdir -p "$dir"
    local work; work=$(mktemp -d "$dir/fetch.XXXXXX")
    say "fetching Apache Kafka $KAFKA_VERSION by Maven into $dir (43 MB, once)"
    write_pom >"$work/pom.xml"
    local tries=0
    # -U: what one try could not fetch, the next one asks for again.
    until mvn -q -B -U -f "$work/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/jars" >"$work/log" 2>&1; do
      tries=$((tries + 1))
      if [ "$tries" -ge "$FETCH_TRIES" ]; then
        tail -n 20 "$work/log" >&2
        rm -rf "$work"
        fail "Maven could not fetch Apache Kafka $KAFKA_VERSION; its last words are above"
      fi
      sleep "$FETCH_PAUSE_SECONDS"
    done
    mv -T "$work/jars" "$dir/jars" 2>/dev/null || [ -d "$dir/jars" ] || fail "cannot write $dir/jars"
    rm -rf "$work"
  fi
  echo "$dir/jars"
}

# Below the range from which the system hands out ports for outgoing connections: one of those could take a broker's port
# before it starts, or while it is down. Bound all at once, so that they differ.
free_ports() {
  python3 - "$1" 2>/dev/null <<'PY' || free_ports_by_guess "$1"
import random, socket, sys
held = []
for port in random.sample(range(10000, 30000), 20000):
    if len(held) == int(sys.argv[1]): break
    s = socket.socket()
    try: s.bind(("127.0.0.1", port))
    except OSError: continue
    held.append(s)
print(" ".join(str(s.getsockname()[1]) for s in held))
PY
}

free_ports_by_guess() {
  local wanted=$1 port found=()
  while [ "${#found[@]}" -lt "$wanted" ]; do
    port=$((10000 + RANDOM % 20000))
    case " ${found[*]:-} " in *" $port "*) continue ;; esac
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then found+=("$port"); fi
  done
  echo "${found[*]}"
}

write_properties() {
  local dir=$1 n=$2 i=$3 port=$4 controller=$5 voters=$6 peers=$7 tls=$8
  local replicas=1 in_sync=1 listener=PLAINTEXT also="" told=PLAINTEXT://127.0.0.1:$port
  if [ "$n" -ge 3 ]; then replicas=3 in_sync=2; fi
  if [ "${#PROXIES[@]}" -gt 0 ]; then
    listener=PEERS also=,PEERS://127.0.0.1:$peers
    told=PLAINTEXT://127.0.0.1:${PROXIES[i - 1]},PEERS://127.0.0.1:${PROXIES[n + i - 1]}
  fi
  [ -z "${KAFKA_TLS:-}" ] || { also+=,TLS://127.0.0.1:$tls told+=,TLS://127.0.0.1:$tls; }
  cat >"$dir/n$i.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$i
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller$also
advertised.listeners=$told
inter.broker.listener.name=$listener
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PEERS:PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT
log.dirs=$dir/data$i
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
# Small, so that it leaves the heap to the rest.
log.cleaner.dedupe.buffer.size=16777216
# Ten thousand topics: keep the preallocated index of each small.
log.index.size.max.bytes=65536
PROPERTIES
  [ -n "${KAFKA_AS_USUAL:-}" ] || cat >>"$dir/n$i.properties" <<'PROPERTIES'
# Tests wait for compaction and for the deletion of files.
log.cleaner.backoff.ms=500
log.cleaner.min.cleanable.ratio=0.01
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=1000
PROPERTIES
  [ -z "${KAFKA_TLS:-}" ] || cat >>"$dir/n$i.properties" <<PROPERTIES
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls.pem
PROPERTIES
  [ -z "${KAFKA_FORBIDS:-}" ] || echo "create.topic.policy.class.name=Policy" >>"$dir/n$i.properties"
}

# An authority, and a certificate of all brokers by it.
write_certificates() {
  local dir=$1
  need openssl openssl
  (
    cd "$dir"
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30)
    openssl req -x509 "${key[@]}" -subj "/CN=tests of kafkatalk" -keyout ca.key -out ca.pem
    openssl req -x509 "${key[@]}" -subj "/CN=broker" -CA ca.pem -CAkey ca.key -addext "subjectAltName=IP:127.0.0.1" \
      -addext "basicConstraints=critical,CA:FALSE" -keyout broker.key -out broker.pem
    cat broker.key broker.pem >tls.pem
  ) >"$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log" >&2; fail "OpenSSL makes no certificates"; }
}

# A policy of the brokers that refuses topics with a setting.
write_policy() {
  local dir=$1 setting=$2 jars=$3
  need javac default-jdk-headless
  cat >"$dir/Policy.java" <<JAVA
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.server.policy.CreateTopicPolicy;

public class Policy implements CreateTopicPolicy {
  @Override public void configure(java.util.Map<String, ?> settings) {}
  @Override public void close() {}
  @Override public void validate(RequestMetadata topic) {
    if (topic.configs().containsKey("$setting")) throw new PolicyViolationException("$setting is ours to set");
  }
}
JAVA
  javac -cp "$jars/*" -d "$dir/policy" "$dir/Policy.java" || fail "the policy does not compile"
}

write_log4j() {
  cat >"$1/log4j2.properties" <<'LOG4J'
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
LOG4J
}

# A session of its own, so that a Ctrl-C at the terminal reaches the tests and not the brokers under them.
detached() {
  if command -v setsid >/dev/null 2>&1; then exec setsid "$@"; else exec "$@"; fi
}

# What every broker of this folder is started with: fewer cores in the JIT and few collector threads keep a test
# machine's other cores free.
launch() {
  local dir=$1 i=$2 jars=$3
  detached java "-Xmx${KAFKA_HEAP:-512m}" "-Xms${KAFKA_HEAP:-512m}" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -XX:TieredStopAtLevel="${KAFKA_JIT_LEVEL:-4}" -Djava.awt.headless=true -Dlog4j2.disable.jmx=true \
    "-Dlog4j2.configurationFile=$dir/log4j2.properties" -cp "$jars/*:$dir/policy" kafka.Kafka "$dir/n$i.properties" \
    >>"$dir/n$i.log" 2>&1 </dev/null &
  local pid=$!
  echo "$pid" >"$dir/n$i.pid"
  # Until it is what it is to run, whoever looks takes it for another's process.
  while kill -0 "$pid" 2>/dev/null && ! running "$dir" "$i"; do sleep 0.01; done
}

running() {
  local pid
  pid=$(cat "$1/n$2.pid" 2>/dev/null) || return 1
  # The process may long be another's: look at what it runs.
  [ -r "/proc/$pid/cmdline" ] || { [ ! -d /proc/1 ] && kill -0 "$pid" 2>/dev/null; return; }
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$1/n$2.properties"
}

wait_ready() {
  local dir=$1 i=$2 port deadline
  port=$(port_of "$dir" "$i")
  deadline=$((SECONDS + READY_WAIT_SECONDS))
  until grep -q 'Kafka Server started' "$dir/n$i.log" 2>/dev/null && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    running "$dir" "$i" || { tail -n 20 "$dir/n$i.log" >&2; return 1; }
    [ "$SECONDS" -lt "$deadline" ] || { say "broker $i is not ready after $READY_WAIT_SECONDS s"; return 1; }
    sleep 0.1
  done
}

port_of() { sed -n 's/^listeners=PLAINTEXT:..127.0.0.1:\([0-9]*\),.*/\1/p' "$1/n$2.properties"; }
absolute() { (cd "$1" 2>/dev/null && pwd) || fail "$1 is not a folder"; }
brokers_of() { find "$1" -maxdepth 1 -name 'n*.properties' 2>/dev/null | sed 's/.*\/n\([0-9]*\)\.properties/\1/' | sort -n; }

# Ends the brokers when the process that asked for them is gone. It may begin before the brokers: it looks for them then.
watch_owner() {
  local dir=$1 owner=$2 keep=${KAFKA_WATCH_KEEP:-}
  # shellcheck disable=SC2016 # the inner shell is to expand it
  detached bash -c '
    while kill -0 "$2" 2>/dev/null; do
      [ -d "$1" ] || exit 0
      sleep 0.5
    done
    "$0" stop "$1"
    [ -n "$3" ] || rm -rf "$1"
  ' "$SELF" "$dir" "$owner" "$keep" >/dev/null 2>&1 </dev/null &
}

start() {
  local n=$1 dir=$2 jars ports voters="" bootstrap="" tls="" id i behind=()
  case $n in 1 | 3) ;; *) fail "start takes 1 or 3 brokers, not $n" ;; esac
  jars=$(jars)
  need_java
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  [ -z "$(brokers_of "$dir")" ] || fail "$dir holds brokers already: stop them and remove the folder, or use restart"
  if [ -n "${KAFKA_WATCH_PID:-}" ] && [ -n "$(find "$dir" -mindepth 1 -print -quit)" ]; then
    fail "$dir is to be removed at the end (KAFKA_WATCH_PID), and is not empty"
  fi
  read -r -a PROXIES <<<"${KAFKA_PROXY_PORTS:-}"
  case ${#PROXIES[@]} in 0 | $((2 * n))) ;; *) fail "KAFKA_PROXY_PORTS takes $((2 * n)) ports, two for each broker" ;; esac
  read -r -a ports <<<"$(free_ports $((4 * n)))"
  for ((i = 1; i <= n; i++)); do
    behind[i - 1]=${ports[2 * i - 2]} behind[n + i - 1]=${ports[2 * n + i - 1]}
    voters+="${voters:+,}$i@127.0.0.1:${ports[2 * i - 1]}"
    bootstrap+="${bootstrap:+,}127.0.0.1:${ports[2 * i - 2]}" tls+="${tls:+,}127.0.0.1:${ports[3 * n + i - 1]}"
  done
  id=$(cluster_id)
  write_log4j "$dir"
  [ -z "${KAFKA_TLS:-}" ] || { write_certificates "$dir" && echo "$tls" >"$dir/tls"; }
  [ -z "${KAFKA_FORBIDS:-}" ] || write_policy "$dir" "$KAFKA_FORBIDS" "$jars"
  [ -z "${KAFKA_WATCH_PID:-}" ] || watch_owner "$dir" "$KAFKA_WATCH_PID"
  # However this ends before all of them take requests, none is left behind.
  # shellcheck disable=SC2064 # the folder of now
  trap "$(printf 'stop %q' "$dir")" EXIT
  trap 'exit 130' INT TERM HUP
  echo "${behind[*]}" >"$dir/behind"
  for ((i = 1; i <= n; i++)); do
    write_properties "$dir" "$n" "$i" "${ports[2 * i - 2]}" "${ports[2 * i - 1]}" "$voters" "${ports[2 * n + i - 1]}" \
      "${ports[3 * n + i - 1]}"
    format "$dir" "$i" "$id" "$jars"
    launch "$dir" "$i" "$jars"
  done
  for ((i = 1; i <= n; i++)); do
    wait_ready "$dir" "$i" || fail "broker $i did not start; see $dir/n$i.log"
  done
  echo "$bootstrap" >"$dir/bootstrap"
  trap - EXIT INT TERM HUP
  echo "$bootstrap"
}

# Sixteen random bytes in the base64 of Kafka's ids. The first letter is given: one in 64 would be a dash, and Kafka's own
# tools take such an id for an option.
cluster_id() {
  local id; id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  echo "K${id:1}"
}

format() {
  local dir=$1 i=$2 id=$3 jars=$4
  mkdir -p "$dir/data$i"
  java -Xmx64m -XX:TieredStopAtLevel=1 "-Dlog4j2.configurationFile=$dir/log4j2.properties" -cp "$jars/*:$dir/policy" \
    kafka.tools.StorageTool format -t "$id" -c "$dir/n$i.properties" >"$dir/format$i.log" 2>&1 ||
    { cat "$dir/format$i.log" >&2; fail "cannot format $dir/data$i"; }
}

stop() {
  local dir=$1 i deadline
  for i in $(brokers_of "$dir"); do
    running "$dir" "$i" && { kill -CONT "$(cat "$dir/n$i.pid")"; kill "$(cat "$dir/n$i.pid")"; } 2>/dev/null
  done
  deadline=$((SECONDS + STOP_WAIT_SECONDS))
  for i in $(brokers_of "$dir"); do
    while running "$dir" "$i"; do
      [ "$SECONDS" -lt "$deadline" ] || kill -9 "$(cat "$dir/n$i.pid")" 2>/dev/null
      sleep 0.1
    done
  done
  return 0
}

status() {
  local dir=$1 i
  for i in $(brokers_of "$dir"); do
    if running "$dir" "$i"; then echo "$i $(port_of "$dir" "$i") running"; else echo "$i $(port_of "$dir" "$i") stopped"; fi
  done
}

signal() {
  local dir=$1 i=$2 signal=$3
  running "$dir" "$i" || fail "broker $i of $dir does not run"
  kill "-$signal" "$(cat "$dir/n$i.pid")"
}

end() {
  local dir=$1 i=$2 deadline=$((SECONDS + HAND_OVER_WAIT_SECONDS))
  signal "$dir" "$i" TERM
  while running "$dir" "$i"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "broker $i does not stop within $HAND_OVER_WAIT_SECONDS s"
    sleep 0.1
  done
}

fill() {
  local dir=$1 i=$2
  running "$dir" "$i" || fail "broker $i of $dir does not run"
  command -v prlimit >/dev/null 2>&1 || fail "prlimit is missing: install util-linux"
  prlimit --pid "$(cat "$dir/n$i.pid")" --fsize=0
}

restart() {
  local dir=$1 i=$2
  [ -f "$dir/n$i.properties" ] || fail "$dir holds no broker $i"
  if running "$dir" "$i"; then fail "broker $i of $dir runs"; fi
  mv -f "$dir/n$i.log" "$dir/n$i.log.old"
  launch "$dir" "$i" "$(jars)"
  wait_ready "$dir" "$i" || fail "broker $i did not start; see $dir/n$i.log"
}

# By partition and not by group, so that no group has to be joined. It ends well where fewer messages came, too.
consume() {
  local bootstrap=$1 topic=$2 count=$3 jars
  jars=$(jars)
  need_java
  local work; work=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now
  trap "$(printf 'rm -rf %q' "$work")" EXIT
  write_log4j "$work"
  java -Xmx128m -XX:TieredStopAtLevel=1 -Djava.awt.headless=true -Dlog4j2.disable.jmx=true \
    "-Dlog4j2.configurationFile=$work/log4j2.properties" -cp "$jars/*" \
    org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$bootstrap" --topic "$topic" \
    --partition 0 --offset earliest --max-messages "$count" --timeout-ms "$CONSUME_SILENCE_MS" \
    --property print.offset=true --property print.key=true
}

usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$SELF" >&2; exit 2; }

SELF=$(readlink -f "${BASH_SOURCE[0]}")
readonly SELF
command=${1:-}
[ -z "$command" ] || shift
case "$command:$#" in
  jars:0) jars ;;
  start:2) start "$@" ;;
  stop:1) stop "$(absolute "$1")" ;;
  status:1) status "$(absolute "$1")" ;;
  kill:2) signal "$(absolute "$1")" "$2" KILL ;;
  restart:2) restart "$(absolute "$1")" "$2" ;;
  pause:2) signal "$(absolute "$1")" "$2" STOP ;;
  resume:2) signal "$(absolute "$1")" "$2" CONT ;;
  end:2) end "$(absolute "$1")" "$2" ;;
  fill:2) fill "$(absolute "$1")" "$2" ;;
  consume:3) consume "$@" ;;
  *) usage ;;
esac
