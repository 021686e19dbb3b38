package process

import (
	"strings"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// utf8Text makes a string that came out of a model file fit for the wire, which takes UTF-8 only.
func utf8Text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func encodeInfo(i *base.Info) *pb.Info {
	return &pb.Info{
		Model:    encodeModel(&i.Model),
		Template: utf8Text(i.Template),
		Adapters: encodeAdapters(i.Adapters),
		Rope:     encodeRope(i.Rope),
		Runtime:  encodeRuntime(&i.Runtime),
		State:    encodeStateInfo(i.State),
	}
}

func decodeInfo(m *pb.Info) *base.Info {
	return &base.Info{
		Model:    decodeModel(m.GetModel()),
		Template: m.GetTemplate(),
		Adapters: decodeAdapters(m.GetAdapters()),
		Rope:     decodeRope(m.GetRope()),
		Runtime:  decodeRuntime(m.GetRuntime()),
		State:    decodeStateInfo(m.GetState()),
	}
}

func encodeModel(m *base.ModelInfo) *pb.Model {
	return &pb.Model{
		Path:         []byte(m.Path),
		Sha256:       utf8Text(m.SHA256),
		Bytes:        m.Bytes,
		Name:         utf8Text(m.Name),
		Description:  utf8Text(m.Description),
		Architecture: utf8Text(m.Architecture),
		Parameters:   m.Parameters,
		ContextTrain: int64(m.ContextTrain),
		Embedding:    int64(m.Embedding),
		Vocabulary:   int64(m.Vocabulary),
		Tokenizer:    utf8Text(m.Tokenizer),
	}
}

func decodeModel(m *pb.Model) base.ModelInfo {
	return base.ModelInfo{
		Path:         string(m.GetPath()),
		SHA256:       m.GetSha256(),
		Bytes:        m.GetBytes(),
		Name:         m.GetName(),
		Description:  m.GetDescription(),
		Architecture: m.GetArchitecture(),
		Parameters:   m.GetParameters(),
		ContextTrain: int(m.GetContextTrain()),
		Embedding:    int(m.GetEmbedding()),
		Vocabulary:   int(m.GetVocabulary()),
		Tokenizer:    m.GetTokenizer(),
	}
}

func encodeRuntime(r *base.RuntimeInfo) *pb.Runtime {
	return &pb.Runtime{
		Backend:        utf8Text(r.Backend),
		Version:        utf8Text(r.Version),
		SourceTree:     utf8Text(r.SourceTree),
		BuildFlags:     utf8Text(r.BuildFlags),
		CpuFeatures:    each(r.CPUFeatures, utf8Text),
		Environment:    each(r.Environment, utf8Text),
		KvTypeK:        utf8Text(r.KVTypeK),
		KvTypeV:        utf8Text(r.KVTypeV),
		FlashAttention: r.FlashAttention,
		Threads:        int64(r.Threads),
		BatchThreads:   int64(r.BatchThreads),
		Context:        int64(r.Context),
		Parallel:       int64(r.Parallel),
		KvBytes:        r.KVBytes,
	}
}

func decodeRuntime(m *pb.Runtime) base.RuntimeInfo {
	return base.RuntimeInfo{
		Backend:        m.GetBackend(),
		Version:        m.GetVersion(),
		SourceTree:     m.GetSourceTree(),
		BuildFlags:     m.GetBuildFlags(),
		CPUFeatures:    m.GetCpuFeatures(),
		Environment:    m.GetEnvironment(),
		KVTypeK:        m.GetKvTypeK(),
		KVTypeV:        m.GetKvTypeV(),
		FlashAttention: m.GetFlashAttention(),
		Threads:        int(m.GetThreads()),
		BatchThreads:   int(m.GetBatchThreads()),
		Context:        int(m.GetContext()),
		Parallel:       int(m.GetParallel()),
		KVBytes:        m.GetKvBytes(),
	}
}

func encodeAdapters(in []base.AdapterInfo) []*pb.Adapter {
	return each(in, func(a base.AdapterInfo) *pb.Adapter {
		return &pb.Adapter{Path: []byte(a.Path), Sha256: utf8Text(a.SHA256), Scale: a.Scale}
	})
}

func decodeAdapters(in []*pb.Adapter) []base.AdapterInfo {
	return each(in, func(a *pb.Adapter) base.AdapterInfo {
		return base.AdapterInfo{Path: string(a.GetPath()), SHA256: a.GetSha256(), Scale: a.GetScale()}
	})
}

func encodeRope(r base.Rope) *pb.Rope {
	return &pb.Rope{FrequencyBase: r.FrequencyBase, FrequencyScale: r.FrequencyScale}
}

func decodeRope(m *pb.Rope) base.Rope {
	return base.Rope{FrequencyBase: m.GetFrequencyBase(), FrequencyScale: m.GetFrequencyScale()}
}

func encodeLoad(o *base.LoadOptions) *pb.LoadRequest {
	return &pb.LoadRequest{
		Model:          []byte(o.Model),
		Context:        int64(o.Context),
		Parallel:       int64(o.Parallel),
		Threads:        int64(o.Threads),
		FlashAttention: o.FlashAttention,
		KvType:         o.KVType,
		Template:       o.Template,
		Adapters:       encodeAdapters(o.Adapters),
		Rope:           encodeRope(o.Rope),
		Queue:          int64(o.Queue),
		IgnoreMemory:   o.IgnoreMemory,
	}
}

func decodeLoad(m *pb.LoadRequest) base.LoadOptions {
	return base.LoadOptions{
		Model:          string(m.GetModel()),
		Context:        int(m.GetContext()),
		Parallel:       int(m.GetParallel()),
		Threads:        int(m.GetThreads()),
		FlashAttention: m.GetFlashAttention(),
		KVType:         m.GetKvType(),
		Template:       m.GetTemplate(),
		Adapters:       decodeAdapters(m.GetAdapters()),
		Rope:           decodeRope(m.GetRope()),
		Queue:          int(m.GetQueue()),
		IgnoreMemory:   m.GetIgnoreMemory(),
	}
}
