#!/bin/bash
# The first process of a bare host: its own mounts and name, then sshd, containerd and the kubelet's keeper.
# Called as: boot.sh NAME STATE_DIR, already inside the host's cgroups and its network, mount and UTS namespaces.
set -euo pipefail
name=$1 state=$2

hostname "$name"
# Nothing mounted here is seen outside; inside, volumes propagate from the kubelet to containers.
mount --make-rprivate /
for folder in etc-upper etc-work var-lib var-log bin home cni; do mkdir -p "$state/$folder"; done
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$state/etc-upper,workdir=$state/etc-work" /etc
mount --bind "$state/var-lib" /var/lib
mount --bind "$state/var-log" /var/log
mount --bind "$state/bin" /usr/local/bin
mount --bind "$state/home" /root
# Plugins that the cluster installs are the host's own; those of the machine are there as in a prepared VM.
cp --update --preserve=mode,timestamps /usr/lib/cni/* "$state/cni/"
mount --bind "$state/cni" /usr/lib/cni
mount -t tmpfs -o mode=755 tmpfs /run
mount --make-rshared /
mkdir -p /run/sshd /run/quorum /run/netns /run/lock /var/lib/quorum /var/lib/etcd /etc/cni/net.d /etc/kubernetes
chmod 700 /var/lib/etcd
sysctl -q -w net.ipv4.ip_forward=1

export PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
/usr/sbin/sshd -f /etc/quorum/sshd_config -E /var/log/sshd.log
keep() { # keep UNIT CONDITION COMMAND...: runs the command again whenever it ends, unless systemctl stopped it
  local unit=$1 condition=$2
  shift 2
  while :; do
    if [ ! -e "/run/quorum/$unit.stopped" ] && eval "$condition"; then
      "$@" >>"/var/log/$unit.log" 2>&1 &
      echo $! >"/run/quorum/$unit.pid"
      wait $! || true
      rm -f "/run/quorum/$unit.pid"
    fi
    sleep 0.5
  done
}
etcd_alone=/etc/systemd/system/kubelet.service.d/20-quorum-etcd.conf
run_kubelet() {
  local KUBELET_KUBEADM_ARGS=""
  [ ! -e /var/lib/kubelet/kubeadm-flags.env ] || . /var/lib/kubelet/kubeadm-flags.env
  # A drop-in with a command of its own takes the place of ours, as it does in systemd.
  local own=""
  [ ! -e "$etcd_alone" ] || own=$(sed -n 's/^ExecStart=//p' "$etcd_alone" | tail -n 1)
  # shellcheck disable=SC2086
  [ -z "$own" ] || exec $own
  # shellcheck disable=SC2086
  exec kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf \
    --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
}
# Routes and addresses that the network step wrote, as a unit would bring them back at boot.
[ ! -x /etc/kubernetes/quorum/network.sh ] || /etc/kubernetes/quorum/network.sh
keep containerd true containerd --config /etc/containerd/config.toml &
keep kubelet "[ -e /var/lib/kubelet/config.yaml ] || [ -e $etcd_alone ]" run_kubelet &
wait
