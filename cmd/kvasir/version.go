package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/internal/setup"
)

// version is set by the linker; without it the module's own version is used.
var version string

type versionInfo struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Host     string `json:"host"`       // path of the inference host, empty if none was found
	HostInfo string `json:"host_build"` // what that host says of itself
}

func newVersion(s streams) *cobra.Command {
	var asJSON bool
	var hostPath string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of kvasir and of its inference host",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			info := collectVersion(hostPath)
			if asJSON {
				return json.NewEncoder(s.out).Encode(info)
			}
			fmt.Fprintf(s.out, "kvasir %s (%s, %s)\n", info.Version, info.Go, info.Platform)
			if info.Host == "" {
				fmt.Fprintln(s.out, "inference host: not found")
			} else {
				fmt.Fprintf(s.out, "inference host: %s\n  %s\n", info.Host, info.HostInfo)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addHostFlag(cmd.Flags(), &hostPath)
	return cmd
}

func ownVersion() string {
	if build, ok := debug.ReadBuildInfo(); ok && version == "" {
		return build.Main.Version
	}
	return version
}

func collectVersion(hostPath string) versionInfo {
	info := versionInfo{Version: ownVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	path, err := setup.FindHost(hostPath, "")
	if err != nil {
		return info
	}
	info.Host = path
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, path, "--version").Output(); err == nil {
		info.HostInfo = strings.TrimSpace(string(out))
	} else {
		info.HostInfo = "does not run: " + err.Error()
	}
	return info
}
