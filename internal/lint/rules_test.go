package lint

// testHelpers are packages made for the tests of others.
var testHelpers = []string{
	"./internal/hosttest/...", "./internal/testmodel", "./internal/atlas", "./internal/gguf",
	"./internal/ngram/corpus",
}

// rules say which way dependencies point: from cmd down to base. A rule for a package that does not
// exist yet waits for it.
var rules = []rule{
	{
		from: []string{"./internal/base"},
		why:  "every other package imports it",
	},
	{
		from: []string{"./hostapi", "./internal/openai", "./internal/atlas", "./internal/cachedir"},
		why:  "they are to be usable without the rest",
	},
	{
		from: []string{"./internal/gguf", "./internal/fingerprint", "./internal/keyspace"},
		only: []string{"./internal/base"},
		why:  "they hold pure code, which needs no disk, process or model",
	},
	{
		from: []string{"./internal/layout"},
		why:  "it cuts bytes, wherever they come from",
	},
	{
		from: []string{"./internal/schedule"},
		only: []string{"./internal/base", "./internal/layout", "./internal/blob"},
		why:  "it knows chunk files, and no process or model",
	},
	{
		from: []string{"./internal/ngram", "./internal/textfold"},
		only: []string{"golang.org/x/text/..."},
		why:  "plugins, index and tools share them, and what they compute is stored",
	},
	{
		from: []string{"./internal/script"},
		only: []string{"./hostapi", "./internal/ngram", "./internal/textfold", "go.starlark.net/..."},
		why:  "a script knows the contract and nothing of who loads it",
	},
	{
		from: []string{"./internal/store"},
		only: []string{"./internal/base", "./internal/keyspace", "./internal/seal", "github.com/cockroachdb/..."},
		why:  "it stores what it is told to and decides nothing",
	},
	{
		from: []string{"./internal/seal"},
		only: []string{"./internal/base", "golang.org/x/crypto/..."},
		why:  "it seals bytes, whatever they are",
	},
	{
		from: []string{"./internal/blob"},
		only: []string{"./internal/base"},
		why:  "the host writes and reads files with it, and knows no store",
	},
	{
		from: []string{"./internal/snapshot", "./internal/pack"},
		only: []string{"./internal/base"},
		why:  "it reads and writes what stores exchange, and knows no store",
	},
	{
		from: []string{"./internal/control"},
		only: []string{"./engine", "./hostapi", "./internal/base", "./internal/blob"},
		why:  "it carries what the engine does to other processes, and decides nothing",
	},
	{
		from:  []string{"./internal/server"},
		never: []string{"./internal/setup", "./internal/config", "./internal/prochost", "./internal/store", "./llama"},
		why:   "it answers for any model, whatever stands behind it",
	},
	{
		except: []string{"./internal/tracing"},
		never:  []string{"go.opentelemetry.io/..."},
		why:    "who follows requests is the business of one package",
	},
	{
		from: []string{"./internal/upstream"},
		only: []string{"./internal/base", "./internal/openai"},
		why:  "it asks another server, whoever wants to know",
	},
	{
		except: []string{"./internal/server"},
		never:  []string{"github.com/prometheus/..."},
		why:    "one package says what is measured in whose words",
	},
	{
		from: []string{"./hostapi/guest"},
		why:  "every guest carries it",
	},
	{
		from: []string{"./hostapi/guest/hook"},
		only: []string{"./hostapi", "./hostapi/guest"},
		why:  "guests that decide about events carry it",
	},
	{
		from: []string{"./hostapi/conformance"},
		only: []string{"./hostapi"},
		why:  "it checks plugins of any host",
	},
	{
		from: []string{"./internal/plugin"},
		only: []string{"./hostapi"},
		why:  "it keeps plugins of every kind and runs none",
	},
	{
		from: []string{"./internal/testmodel/..."},
		only: []string{"./internal/base", "./internal/cachedir", "./internal/gguf", "./internal/atlas", "./internal/testmodel"},
		why:  "it makes model files and runs none",
	},
	{
		from: []string{"./internal/hosttest/..."},
		only: []string{"./internal/base", "./internal/blob", "./internal/hosttest", "./hostapi/process"},
		why:  "a fake that needs the real thing is no help to its tests",
	},
	{
		from: []string{"./hostapi/process/..."},
		only: []string{
			"./hostapi/process/...", "./hostapi", "./internal/base",
			"github.com/hashicorp/...", "google.golang.org/...",
		},
		why: "whoever writes a host or a plugin builds on it",
	},
	{
		from: []string{"./internal/prochost"},
		only: []string{
			"./hostapi/process/...", "./hostapi", "./internal/base",
			"github.com/hashicorp/...", "google.golang.org/...",
		},
		why: "it runs any host or plugin, whatever that computes",
	},
	{
		from: []string{"./internal/wasmhost/meter"},
		why:  "what decides how long a guest may run is to be read and tested by itself",
	},
	{
		from: []string{"./internal/wasmhost"},
		only: []string{
			"./hostapi", "./internal/ngram", "./internal/textfold", "./internal/wasmhost/meter",
			"github.com/tetratelabs/wazero/...",
		},
		why: "it runs guests, whoever asks them",
	},
	{
		from: []string{"./llama"},
		only: []string{"./internal/base", "./internal/blob", "./internal/gguf", "./internal/layout", "./internal/schedule", "github.com/klauspost/cpuid/...", "C"},
		why:  "it knows the model, not who asks",
	},
	{
		except: []string{"./cmd/..."},
		never:  []string{"./cmd/..."},
		why:    "commands join packages, and nothing is built on a command",
	},
	{
		except: []string{"./llama"},
		never:  []string{"C"},
		why:    "everything else builds without a C compiler",
	},
	{
		except: []string{"./internal/store"},
		never:  []string{"github.com/cockroachdb/pebble/..."},
		why:    "one package decides how bytes reach the disk",
	},
	{
		except: []string{"./internal/wasmhost/...", "./plugins/score/difference"}, // whose tests call its guest for minutes
		never:  []string{"github.com/tetratelabs/wazero/..."},
		why:    "one package keeps guests within their limits",
	},
	{
		except: []string{"./hostapi/process/...", "./internal/prochost", "./cmd/..."},
		never:  []string{"github.com/hashicorp/go-plugin/..."},
		why:    "how processes talk is no business of the rest",
	},
	{
		except: []string{"./internal/script"},
		never:  []string{"go.starlark.net/..."},
		why:    "one package bounds what a script can do",
	},
	{
		from: []string{"./engine/..."},
		never: []string{
			"github.com/tetratelabs/wazero/...", "github.com/hashicorp/go-plugin/...",
			"google.golang.org/grpc/...", "net/http/...", "C",
		},
		why: "the engine takes interfaces, and cmd brings what satisfies them",
	},
}
