package guest

var (
	manifest  string
	configure func(init []byte) error
)

// Describe sets the manifest, a JSON object (hostapi/schema/manifest.json). Call it from an init function
// of the plugin. Without it the plugin has no name and all roles that it exports.
func Describe(json string) { manifest = json }

// OnInit has f called when an instance begins, with the JSON of hostapi/schema/init.json. It may read the
// configuration with Config, and what it needs from it belongs into package variables. If it fails, the
// plugin is not loaded. Call OnInit from an init function of the plugin.
func OnInit(f func(init []byte) error) { configure = f }

//lint:ignore U1000 the host calls it
//go:wasmexport kvasir_init
func start(ptr, n uint32) uint64 {
	return Call(ptr, n, func(dst, input []byte) ([]byte, error) {
		if configure != nil {
			if err := configure(input); err != nil {
				return nil, err
			}
		}
		return append(dst, manifest...), nil
	})
}
