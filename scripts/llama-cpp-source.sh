# Where the llama.cpp source comes from. Read by scripts/llama-cpp, which sets $cache and defines
# say, die and temporary.
# shellcheck shell=bash
# shellcheck disable=SC2154 # cache is set by the reader

version=v0.5.0
tree=fd570ef54b10ec5fecb739e7e04c8ce44a6f415a
npm_package=node-llama-cpp@3.22.1
repository=https://github.com/ggml-org/llama.cpp

# source_identity prints what goes into cache key and fingerprint: the git tree of the source, with
# a hash of every uncommitted change behind it. It downloads nothing.
source_identity() {
	local dir=${LLAMA_CPP_DIR:-}
	if [ -z "$dir" ]; then
		echo "$tree"
		return
	fi
	[ -f "$dir/CMakeLists.txt" ] || die "LLAMA_CPP_DIR: no llama.cpp source in \"$dir\""
	if [ -e "$dir/.git" ]; then
		local head dirty
		head=$(git -C "$dir" rev-parse 'HEAD^{tree}')
		dirty=$(dirty_suffix "$dir")
		echo "$head$dirty"
	else
		echo "files-$(hash_files "$dir")"
	fi
}

dirty_suffix() {
	[ -n "$(git -C "$1" status --porcelain)" ] || return 0
	local hash
	hash=$({
		git -C "$1" diff --binary HEAD
		cd "$1" && git ls-files -z --others --exclude-standard | sort -z | xargs -0r sha256sum
	} | sha256sum)
	echo "+dirty-${hash:0:16}"
}

hash_files() {
	local hash
	hash=$(cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
	echo "${hash:0:40}"
}

# source_dir prints the folder of the source, after getting it when it is not in the cache.
source_dir() {
	if [ -n "${LLAMA_CPP_DIR:-}" ]; then
		(cd "$LLAMA_CPP_DIR" && pwd)
		return
	fi
	local dir=$cache/source-$tree
	[ -d "$dir" ] || fetch_source "$dir"
	local problem
	problem=$(source_problem "$dir")
	[ -z "$problem" ] || die "the source in \"$dir\" $problem" "rm -r '$dir' and run this again"
	echo "$dir"
}

fetch_source() {
	local tmp from problem
	tmp=$(temporary)
	if from_npm "$tmp"; then
		from="the npm package $npm_package"
	elif from_repository "$tmp"; then
		from="$repository"
	else
		die "could not get llama.cpp $version from npm or from $repository" \
			"check the network, or set LLAMA_CPP_DIR to a checkout of your own"
	fi
	problem=$(source_problem "$tmp/source")
	[ -z "$problem" ] || die "llama.cpp $version from $from $problem" \
		"look at what changed; if you trust it, check it out and set LLAMA_CPP_DIR to its folder"
	mv "$tmp/source" "$1"
}

# from_npm clones the git bundle that the package carries for people who build from source.
from_npm() {
	command -v npm >/dev/null || return 1
	say "downloading llama.cpp $version (npm package $npm_package, 35 MB), half a minute, once"
	npm pack "$npm_package" --silent --ignore-scripts --pack-destination "$1" >/dev/null &&
		tar -xzf "$1"/*.tgz --no-same-owner -C "$1" package/llama/gitRelease.bundle &&
		clone "$1/package/llama/gitRelease.bundle" "$1/source" && return
	say "that failed; trying the release tag instead"
	rm -rf "$1/source"
	return 1
}

from_repository() {
	say "cloning llama.cpp $version from $repository, a minute, once"
	clone --depth 1 --branch "$version" "$repository" "$1/source"
}

clone() {
	GIT_TERMINAL_PROMPT=0 git -c advice.detachedHead=false -c core.autocrlf=false \
		clone --quiet "$@" >&2
}

# source_problem prints how a checkout differs from the pinned source; nothing if it does not.
source_problem() {
	local have
	have=$(git -C "$1" rev-parse 'HEAD^{tree}') || have=unknown
	if [ "$have" != "$tree" ]; then
		echo "has the tree $have, not $tree"
	elif [ -n "$(git -C "$1" status --porcelain)" ]; then
		echo "has been changed"
	fi
}
