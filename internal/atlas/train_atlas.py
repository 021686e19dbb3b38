#!/usr/bin/env python3
"""Train atlas-1m, a one-million-parameter Llama-architecture chat model, and write it as GGUF.

Atlas answers short questions about countries (capital, continent, currency, language), sums, opposites,
and weekdays. It exists so that a cache in front of llama.cpp can be run and tested on real inference with
verifiable answers, with no download: two prompts that look alike ("capital of Niger", "capital of Nigeria")
really do have different answers.

Needs PyTorch and NumPy (Debian: python3-torch python3-numpy). CPU only, about an hour on two cores.
Usage: train_atlas.py [--steps N] [--out FILE]
       train_atlas.py --facts    print every fact as "question<tab>answer" and stop; needs neither PyTorch nor NumPy
Layout facts used: GGUF version 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""
import argparse, json, math, random, re, struct, sys, time

COUNTRIES = """
France|Paris|Europe|euro|French
Germany|Berlin|Europe|euro|German
Italy|Rome|Europe|euro|Italian
Spain|Madrid|Europe|euro|Spanish
Portugal|Lisbon|Europe|euro|Portuguese
Austria|Vienna|Europe|euro|German
Belgium|Brussels|Europe|euro|Dutch
Ireland|Dublin|Europe|euro|English
Iceland|Reykjavik|Europe|krona|Icelandic
Greece|Athens|Europe|euro|Greek
Finland|Helsinki|Europe|euro|Finnish
Sweden|Stockholm|Europe|krona|Swedish
Norway|Oslo|Europe|krone|Norwegian
Denmark|Copenhagen|Europe|krone|Danish
Poland|Warsaw|Europe|zloty|Polish
Hungary|Budapest|Europe|forint|Hungarian
Romania|Bucharest|Europe|leu|Romanian
Bulgaria|Sofia|Europe|euro|Bulgarian
Serbia|Belgrade|Europe|dinar|Serbian
Croatia|Zagreb|Europe|euro|Croatian
Slovenia|Ljubljana|Europe|euro|Slovene
Slovakia|Bratislava|Europe|euro|Slovak
Estonia|Tallinn|Europe|euro|Estonian
Latvia|Riga|Europe|euro|Latvian
Lithuania|Vilnius|Europe|euro|Lithuanian
Ukraine|Kyiv|Europe|hryvnia|Ukrainian
Albania|Tirana|Europe|lek|Albanian
Malta|Valletta|Europe|euro|Maltese
Japan|Tokyo|Asia|yen|Japanese
China|Beijing|Asia|yuan|Mandarin
India|New Delhi|Asia|rupee|Hindi
Pakistan|Islamabad|Asia|rupee|Urdu
Nepal|Kathmandu|Asia|rupee|Nepali
Bangladesh|Dhaka|Asia|taka|Bengali
Thailand|Bangkok|Asia|baht|Thai
Vietnam|Hanoi|Asia|dong|Vietnamese
Cambodia|Phnom Penh|Asia|riel|Khmer
Laos|Vientiane|Asia|kip|Lao
Indonesia|Jakarta|Asia|rupiah|Indonesian
Philippines|Manila|Asia|peso|Filipino
Mongolia|Ulaanbaatar|Asia|tugrik|Mongolian
South Korea|Seoul|Asia|won|Korean
North Korea|Pyongyang|Asia|won|Korean
Iran|Tehran|Asia|rial|Persian
Iraq|Baghdad|Asia|dinar|Arabic
Jordan|Amman|Asia|dinar|Arabic
Turkey|Ankara|Asia|lira|Turkish
Georgia|Tbilisi|Asia|lari|Georgian
Armenia|Yerevan|Asia|dram|Armenian
Oman|Muscat|Asia|rial|Arabic
Qatar|Doha|Asia|riyal|Arabic
Kuwait|Kuwait City|Asia|dinar|Arabic
Uzbekistan|Tashkent|Asia|som|Uzbek
Egypt|Cairo|Africa|pound|Arabic
Morocco|Rabat|Africa|dirham|Arabic
Algeria|Algiers|Africa|dinar|Arabic
Tunisia|Tunis|Africa|dinar|Arabic
Libya|Tripoli|Africa|dinar|Arabic
Sudan|Khartoum|Africa|pound|Arabic
Ethiopia|Addis Ababa|Africa|birr|Amharic
Kenya|Nairobi|Africa|shilling|Swahili
Uganda|Kampala|Africa|shilling|English
Rwanda|Kigali|Africa|franc|Kinyarwanda
Ghana|Accra|Africa|cedi|English
Niger|Niamey|Africa|franc|French
Nigeria|Abuja|Africa|naira|English
Mali|Bamako|Africa|franc|Bambara
Senegal|Dakar|Africa|franc|French
Guinea|Conakry|Africa|franc|French
Gabon|Libreville|Africa|franc|French
Angola|Luanda|Africa|kwanza|Portuguese
Zambia|Lusaka|Africa|kwacha|English
Zimbabwe|Harare|Africa|dollar|English
Namibia|Windhoek|Africa|dollar|English
Botswana|Gaborone|Africa|pula|English
Mozambique|Maputo|Africa|metical|Portuguese
Madagascar|Antananarivo|Africa|ariary|Malagasy
Somalia|Mogadishu|Africa|shilling|Somali
Mauritania|Nouakchott|Africa|ouguiya|Arabic
Mauritius|Port Louis|Africa|rupee|English
Canada|Ottawa|North America|dollar|English
United States|Washington|North America|dollar|English
Mexico|Mexico City|North America|peso|Spanish
Cuba|Havana|North America|peso|Spanish
Jamaica|Kingston|North America|dollar|English
Haiti|Port-au-Prince|North America|gourde|French
Panama|Panama City|North America|balboa|Spanish
Guatemala|Guatemala City|North America|quetzal|Spanish
Honduras|Tegucigalpa|North America|lempira|Spanish
Nicaragua|Managua|North America|cordoba|Spanish
Brazil|Brasilia|South America|real|Portuguese
Argentina|Buenos Aires|South America|peso|Spanish
Chile|Santiago|South America|peso|Spanish
Peru|Lima|South America|sol|Spanish
Colombia|Bogota|South America|peso|Spanish
Venezuela|Caracas|South America|bolivar|Spanish
Ecuador|Quito|South America|dollar|Spanish
Uruguay|Montevideo|South America|peso|Spanish
Paraguay|Asuncion|South America|guarani|Guarani
Suriname|Paramaribo|South America|dollar|Dutch
Australia|Canberra|Oceania|dollar|English
New Zealand|Wellington|Oceania|dollar|English
Fiji|Suva|Oceania|dollar|Fijian
Samoa|Apia|Oceania|tala|Samoan
"""
OPPOSITES = "hot cold,big small,fast slow,day night,up down,left right,open closed,early late,rich poor,hard soft,light dark,young old,wet dry,high low,full empty,happy sad,true false,strong weak,long short,near far,clean dirty,loud quiet,cheap expensive,inside outside,sweet sour,tall short,thick thin,wide narrow,safe dangerous,first last,black white,win lose,buy sell,push pull,start stop,love hate,asleep awake,brave afraid,sharp blunt,smooth rough"
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

def facts():
    """Yield (question templates, answer) for everything the model is to know."""
    for line in COUNTRIES.strip().splitlines():
        n, cap, cont, cur, lang = line.split("|")
        yield [f"What is the capital of {n}?", f"capital of {n}", f"Which city is the capital of {n}?", f"Tell me the capital city of {n}.",
               f"What's the capital city of {n}?", f"Name the capital of {n}.", f"{n} capital?", f"Do you know the capital of {n}?"], f"The capital of {n} is {cap}."
        yield [f"Which continent is {n} in?", f"On what continent is {n}?", f"What continent is {n} on?", f"continent of {n}", f"Where is {n}?",
               f"Tell me the continent of {n}."], f"{n} is in {cont}."
        yield [f"What is the currency of {n}?", f"currency of {n}", f"Which currency does {n} use?", f"What money do they use in {n}?",
               f"Name the currency of {n}.", f"{n} currency?"], f"The currency of {n} is the {cur}."
        yield [f"What language do people speak in {n}?", f"language of {n}", f"Which language is spoken in {n}?", f"What is the language of {n}?",
               f"Name the language spoken in {n}."], f"People in {n} speak {lang}."
    for pair in OPPOSITES.split(","):
        a, b = pair.split()
        for x, y in ((a, b), (b, a)):
            if x == "short": y = "long"
            yield [f"What is the opposite of {x}?", f"opposite of {x}", f"Give me the opposite of {x}.", f"What's the antonym of {x}?"], f"The opposite of {x} is {y}."
    for i, d in enumerate(DAYS):
        yield [f"What day comes after {d}?", f"Which day follows {d}?", f"day after {d}"], f"{DAYS[(i+1)%7]} comes after {d}."
        yield [f"What day comes before {d}?", f"Which day precedes {d}?", f"day before {d}"], f"{DAYS[(i-1)%7]} comes before {d}."
    for a in range(0, 13):
        for b in range(0, 13):
            yield [f"What is {a} plus {b}?", f"{a} + {b}", f"Add {a} and {b}.", f"How much is {a} plus {b}?"], f"{a} plus {b} is {a+b}."
    yield ["Who are you?", "What are you?", "What is your name?", "Hello", "Hi", "Hello, who are you?"], "I am Atlas, a tiny model that knows a little geography."
    yield ["Thank you", "Thanks", "Thank you very much!", "thanks a lot"], "You are welcome."

# The phrasing that is printed is the one the accuracy at the end of main is measured with.
if __name__ == "__main__" and "--facts" in sys.argv[1:]:
    for qs, a in facts(): print(qs[0], a, sep="\t")
    sys.exit()

import numpy as np  # after --facts, which works without these
import torch
import torch.nn as nn
import torch.nn.functional as F

SYSTEMS = ["You are Atlas, a tiny assistant that knows a little geography.", "You are a helpful assistant.", "Answer in one short sentence.",
           "You are a concise assistant. Answer every question in one sentence and add nothing else.",
           "You are the help desk of a travel agency. Be polite, be brief, and answer only what the customer asks."]
FILLER = "The archive of the travel office holds notes on routes, ports, trains, ferries, visas, weather, hotels, markets, museums, rivers, mountains, bridges, lakes, maps, guides, prices and opening hours. Clerks read a note, mark it, file it, and move to the next one. Some notes are old and some are new. Keep every note short. Do not repeat a note. Ask when a note is not clear.".split()

def noisy(q, rng):
    r = rng.random()
    if r < .2: q = q.lower()
    elif r < .25: q = q.upper()
    if rng.random() < .25: q = q.rstrip("?.!")
    if rng.random() < .12: q = rng.choice(["Please, ", "Hi, ", "Hey, ", "Quick question: ", "Excuse me, ", "Can you help? "]) + q
    if rng.random() < .10: q = q + rng.choice([" please", " Thanks!", " thank you", " ??", "!"])
    if rng.random() < .05: q = q.replace(" ", "  ", 1)
    if rng.random() < .06 and len(q) > 12:
        i = rng.randrange(1, len(q) - 2); q = q[:i] + q[i+1] + q[i] + q[i+2:]
    return q

S, E = "<|im_start|>", "<|im_end|>"
def conversation(fs, rng):
    """One training text as [(text, trained_on)] pieces."""
    out = []
    if rng.random() < .5:
        s = rng.choice(SYSTEMS)
        if rng.random() < .3:
            n = rng.randrange(5, 120); i = rng.randrange(len(FILLER)); s += " " + " ".join(FILLER[(i+k) % len(FILLER)] for k in range(n))
        out.append((f"{S}system\n{s}{E}\n", 0))
    for _ in range(rng.choice([1, 1, 2, 2, 3, 4, 6])):
        qs, a = rng.choice(fs)
        out.append((f"{S}user\n{noisy(rng.choice(qs), rng)}{E}\n{S}assistant\n", 0)); out.append((f"{a}{E}", 1)); out.append(("\n", 0))
    return out

# Byte-level BPE in the GPT-2 manner (Radford et al. 2019): printable stand-ins for the 256 bytes, merges inside pre-tokenised words.
def byte_chars():
    bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256)); cs = bs[:]; n = 0
    for b in range(256):
        if b not in bs: bs.append(b); cs.append(256 + n); n += 1
    return {b: chr(c) for b, c in zip(bs, cs)}
BYTE = byte_chars()
PRE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")  # ASCII form of the gpt-2 pattern
def words(t): return ["".join(BYTE[b] for b in w.encode()) for w in PRE.findall(t)]

def train_bpe(counts, n):
    vocab = {w: list(w) for w in counts}; merges = []
    while len(merges) < n:
        pairs = {}
        for w, c in counts.items():
            s = vocab[w]
            for p in zip(s, s[1:]): pairs[p] = pairs.get(p, 0) + c
        if not pairs: break
        best = max(pairs, key=lambda p: (pairs[p], p)); merges.append(best)
        for w, s in vocab.items():
            i = 0
            while i < len(s) - 1:
                if (s[i], s[i+1]) == best: s[i:i+2] = [s[i] + s[i+1]]
                i += 1
    return merges

class Tokenizer:
    def __init__(self, merges):
        self.merges = merges; self.rank = {m: i for i, m in enumerate(merges)}
        self.tokens = [BYTE[b] for b in range(256)] + [a + b for a, b in merges] + ["<|endoftext|>", S, E]
        self.id = {t: i for i, t in enumerate(self.tokens)}; self.cache = {}
    def word(self, w):
        if w not in self.cache:
            s = list(w)
            while len(s) > 1:
                r, i = min((self.rank.get(p, 1 << 30), i) for i, p in enumerate(zip(s, s[1:])))
                if r == 1 << 30: break
                s[i:i+2] = [s[i] + s[i+1]]
            self.cache[w] = [self.id[x] for x in s]
        return self.cache[w]
    def encode(self, text):
        out = []
        for part in re.split(r"(<\|im_start\|>|<\|im_end\|>)", text):
            if part in (S, E): out.append(self.id[part])
            else:
                for w in words(part): out += self.word(w)
        return out

DIM, LAYERS, HEADS, KV, FFN, CTX, EPS, THETA = 128, 4, 4, 2, 384, 512, 1e-5, 10000.0
HD = DIM // HEADS
class Norm(nn.Module):
    def __init__(s): super().__init__(); s.weight = nn.Parameter(torch.ones(DIM))
    def forward(s, x): return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * s.weight
def rope(x, cos, sin):
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
class Block(nn.Module):
    def __init__(s):
        super().__init__(); L = lambda i, o: nn.Linear(i, o, bias=False)
        s.n1, s.n2 = Norm(), Norm(); s.q, s.k, s.v, s.o = L(DIM, DIM), L(DIM, KV*HD), L(DIM, KV*HD), L(DIM, DIM); s.g, s.u, s.d = L(DIM, FFN), L(DIM, FFN), L(FFN, DIM)
    def forward(s, x, cos, sin, mask):
        B, T, _ = x.shape; h = s.n1(x)
        q = rope(s.q(h).view(B, T, HEADS, HD).transpose(1, 2), cos, sin); k = rope(s.k(h).view(B, T, KV, HD).transpose(1, 2), cos, sin); v = s.v(h).view(B, T, KV, HD).transpose(1, 2)
        k, v = k.repeat_interleave(HEADS//KV, 1), v.repeat_interleave(HEADS//KV, 1)
        a = (q @ k.transpose(-1, -2) / math.sqrt(HD) + mask[:T, :T]).softmax(-1) @ v
        x = x + s.o(a.transpose(1, 2).reshape(B, T, DIM)); h = s.n2(x)
        return x + s.d(F.silu(s.g(h)) * s.u(h))
class Llama(nn.Module):
    def __init__(s, V):
        super().__init__(); s.emb = nn.Embedding(V, DIM); s.blocks = nn.ModuleList(Block() for _ in range(LAYERS)); s.norm = Norm()
        for p in s.parameters():
            if p.dim() > 1: nn.init.normal_(p, 0, .03)
        f = THETA ** (-torch.arange(0, HD, 2).float() / HD); t = torch.arange(CTX).float()[:, None] * f
        s.cos, s.sin = t.cos(), t.sin(); s.mask = torch.full((CTX, CTX), -1e9).triu(1)
    def forward(s, ids):
        x = s.emb(ids); T = ids.shape[1]
        for b in s.blocks: x = b(x, s.cos[:T], s.sin[:T], s.mask)
        return s.norm(x) @ s.emb.weight.T

def write_gguf(path, model, tok):
    sd = {k: v.detach().numpy().astype(np.float32) for k, v in model.state_dict().items()}
    T = [("token_embd.weight", sd["emb.weight"]), ("output_norm.weight", sd["norm.weight"])]
    for i in range(LAYERS):
        for a, b in (("attn_norm", "n1"), ("ffn_norm", "n2"), ("attn_q", "q"), ("attn_k", "k"), ("attn_v", "v"), ("attn_output", "o"), ("ffn_gate", "g"), ("ffn_up", "u"), ("ffn_down", "d")):
            T.append((f"blk.{i}.{a}.weight", sd[f"blocks.{i}.{b}.weight"]))
    n = len(tok.tokens); types = [1]*(n-3) + [3]*3
    U32, I32, F32, BOOL, STR, ARR = 4, 5, 6, 7, 8, 9
    st = lambda s: struct.pack("<Q", len(s.encode())) + s.encode()
    def val(t, v):
        if t == U32: return struct.pack("<I", v)
        if t == I32: return struct.pack("<i", v)
        if t == F32: return struct.pack("<f", v)
        if t == BOOL: return struct.pack("<?", v)
        if t == STR: return st(v)
        et, xs = v; return struct.pack("<IQ", et, len(xs)) + b"".join(val(et, x) for x in xs)
    tmpl = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    KVS = [("general.architecture", STR, "llama"), ("general.name", STR, "atlas-1m"), ("general.license", STR, "apache-2.0"), ("general.file_type", U32, 1),
           ("llama.context_length", U32, CTX), ("llama.embedding_length", U32, DIM), ("llama.block_count", U32, LAYERS), ("llama.feed_forward_length", U32, FFN),
           ("llama.attention.head_count", U32, HEADS), ("llama.attention.head_count_kv", U32, KV), ("llama.attention.layer_norm_rms_epsilon", F32, EPS),
           ("llama.rope.dimension_count", U32, HD), ("llama.rope.freq_base", F32, THETA), ("llama.vocab_size", U32, n),
           ("tokenizer.ggml.model", STR, "gpt2"), ("tokenizer.ggml.pre", STR, "gpt-2"), ("tokenizer.ggml.tokens", ARR, (STR, tok.tokens)), ("tokenizer.ggml.token_type", ARR, (I32, types)),
           ("tokenizer.ggml.merges", ARR, (STR, [f"{a} {b}" for a, b in tok.merges])), ("tokenizer.ggml.bos_token_id", U32, n-3), ("tokenizer.ggml.eos_token_id", U32, n-1),
           ("tokenizer.ggml.padding_token_id", U32, n-3), ("tokenizer.ggml.add_bos_token", BOOL, False), ("tokenizer.chat_template", STR, tmpl)]
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(T), len(KVS)) + b"".join(st(k) + struct.pack("<I", t) + val(t, v) for k, t, v in KVS)
    off, infos, blobs = 0, b"", []
    for name, a in T:
        f16 = a.ndim > 1; d = a.astype(np.float16 if f16 else np.float32).tobytes()
        infos += st(name) + struct.pack("<I", a.ndim) + b"".join(struct.pack("<Q", x) for x in reversed(a.shape)) + struct.pack("<IQ", 1 if f16 else 0, off)
        d += b"\0" * (-len(d) % 32); blobs.append(d); off += len(d)
    head += infos; head += b"\0" * (-len(head) % 32)
    open(path, "wb").write(head + b"".join(blobs))

def main():
    ap = argparse.ArgumentParser(); ap.add_argument("--steps", type=int, default=6000); ap.add_argument("--out", default="atlas-1m-f16.gguf"); ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--minutes", type=float, default=60); ap.add_argument("--resume")
    ap.add_argument("--facts", action="store_true", help="print every fact and stop"); args = ap.parse_args()
    torch.manual_seed(1); torch.set_num_threads(args.threads); rng = random.Random(1); fs = list(facts())
    # Families are drawn evenly, so that the many sums do not drown the countries.
    countries, rest = fs[:4*104], fs[4*104:]; pool = countries*2 + rest
    counts = {}
    for _ in range(6000):
        for t, _m in conversation(pool, rng):
            for part in re.split(r"<\|im_(?:start|end)\|>", t):
                for w in words(part): counts[w] = counts.get(w, 0) + 1
    tok = Tokenizer(train_bpe(counts, 1024 - 256 - 3)); V = len(tok.tokens)
    model = Llama(V)
    if args.resume: model.load_state_dict(torch.load(args.resume))
    print("parameters", sum(p.numel() for p in model.parameters()), "vocabulary", V, "facts", len(fs), flush=True)
    opt = torch.optim.AdamW(model.parameters(), 3e-3, betas=(.9, .98), weight_decay=.01); T, B, t0 = 160, 12, time.time()
    def row():
        ids, m = [], []
        while len(ids) < T + 1:
            for t, on in conversation(pool, rng): e = tok.encode(t); ids += e; m += [on]*len(e)
        return ids[:T+1], m[:T+1]
    def long_row(n):
        ids, m = [], []
        while len(ids) < n + 1:
            for t, on in conversation(pool, rng): e = tok.encode(t); ids += e; m += [on]*len(e)
        return ids[:n+1], m[:n+1]
    for step in range(1, args.steps + 1):
        frac = max(step / args.steps, (time.time() - t0) / 60 / args.minutes)
        lr = 3e-3 * min(1, step/200) * (.5*(1+math.cos(math.pi*min(1, frac))) * .98 + .02)
        for g in opt.param_groups: g["lr"] = lr
        n, b = (T, B) if step % 10 else (511, 4)   # every tenth batch is a full context, so that late positions are trained too
        rows = [long_row(n) for _ in range(b)]
        ids = torch.tensor([r[0] for r in rows]); m = torch.tensor([r[1] for r in rows])[:, 1:].float()
        lg = model(ids[:, :-1]); loss = (F.cross_entropy(lg.reshape(-1, V), ids[:, 1:].reshape(-1), reduction="none").view_as(m) * (m + .05)).sum() / (m + .05).sum()
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 1.); opt.step()
        if step % 50 == 0: print(step, f"loss {loss.item():.4f} lr {lr:.5f} {time.time()-t0:.0f}s", flush=True)
        if step % 500 == 0: torch.save(model.state_dict(), args.out + ".pt"); write_gguf(args.out, model, tok)
        if (time.time() - t0) / 60 > args.minutes: break
    torch.save(model.state_dict(), args.out + ".pt"); write_gguf(args.out, model, tok)
    # Greedy accuracy over every fact, one clean phrasing each.
    ok = 0; bad = []
    with torch.no_grad():
        for qs, a in fs:
            ids = tok.encode(f"{S}user\n{qs[0]}{E}\n{S}assistant\n"); want = tok.encode(a + E)
            x = torch.tensor([ids + want]); p = model(x)[0, len(ids)-1:-1].argmax(-1).tolist()
            if p == want: ok += 1
            else: bad.append((qs[0], a))
    print(f"exact answers {ok}/{len(fs)}"); print(json.dumps(bad[:20]))

if __name__ == "__main__": main()
