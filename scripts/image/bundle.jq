# The image's settings -> the settings of a container for runc (the OCI runtime specification).
.config as $image
| ($ids | split(":") | map(tonumber)) as [$uid, $gid]
| ($ARGS.positional[0] // []) as $command
| {
    ociVersion: "1.0.2",
    hostname: "linkrelay",
    process: {
      terminal: false,
      user: {uid: $uid, gid: $gid},
      args: (if $command == [] then ($image.Entrypoint // []) + $image.Cmd else $command end),
      env: ($image.Env + ($env | split("\n") | map(select(. != "")))),
      cwd: $image.WorkingDir,
      capabilities: {bounding: [], effective: [], inheritable: [], permitted: [], ambient: []},
      noNewPrivileges: true
    },
    root: {path: $rootfs, readonly: true},
    mounts: ([
      {destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]},
      {destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=64k"]},
      {destination: ($image.Volumes | keys[0]), type: "bind", source: $volume, options: ["rbind", "rw"]}
    ] + if $certificate == "" then [] else
      [{destination: "/etc/youtube.pem", type: "bind", source: $certificate, options: ["rbind", "ro"]}]
    end),
    linux: {
      namespaces: ([{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}]
        + if $network == "none" then [{type: "network"}] else [] end),
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    }
  }
