import type { SecretKind } from '../../../src/core/redaction/secret.ts';

const alphabet = 'aB3dE5fG7hJ9kLmN2pQrS4tUvW6xYz8C';

/** So many characters as a generator of tokens makes them, the same each time. */
export function body(length: number, characters = alphabet): string {
  return Array.from({ length }, (_, i) => characters[(i * 7 + (i >> 3)) % characters.length]).join('');
}

export const hex = (length: number): string => body(length, '0f1e2d3c4b5a6978');
export const capitals = (length: number): string => body(length, 'A2B3C4D5E6F7GHJK');

export const hfToken = `hf_${body(34)}`;
export const wandbKey = hex(40);
export const awsId = `AKIA${capitals(16)}`;
export const awsSecret = `${body(18)}/${body(20)}+`;
export const githubToken = `ghp_${body(36)}`;
export const webToken = `eyJ${body(20)}.eyJ${body(30)}.${body(43)}`;

/** Text with secrets between « and », and of which kind they are. */
export const secretTexts: readonly (readonly [text: string, ...kinds: SecretKind[]])[] = [
  // Tokens by their form, wherever they stand.
  [`logged in with «${hfToken}».`, 'huggingface'],
  [`hub: «api_org_${body(34)}»`, 'huggingface'],
  [`«wandb_v1_${body(40)}»`, 'wandb'],
  [`id «${awsId}» and «ASIA${capitals(16)}»`, 'aws', 'aws'],
  ...['ghp', 'gho', 'ghu', 'ghs', 'ghr'].map((form) => [`x=«${form}_${body(36)}»,`, 'github'] as const),
  [`'«github_pat_${body(22)}_${body(59)}»'`, 'github'],
  [`«glpat-${body(20)}»`, 'gitlab'],
  [`//registry.npmjs.org/:_authToken=«npm_${body(36)}»`, 'npm'],
  [`key=«AIza${body(35)}»&x=1`, 'google'],
  [`«sk-ant-api03-${body(40)}»`, 'anthropic'],
  [`«sk-proj-${body(60)}» «sk-${body(48)}» «sk-${hex(32)}»`, 'openai', 'openai', 'openai'],
  [`«xoxb-${hex(12)}-${body(24)}»`, 'slack'],
  [`https://hooks.slack.com/services/«T0${body(8)}/B0${body(8)}/${body(24)}»`, 'slack'],
  [`«dckr_pat_${body(27)}»`, 'docker'],
  [`«gsk_${body(52)}»`, 'groq'],
  [`«nvapi-${body(64)}»`, 'nvidia'],
  [`«dapi${hex(32)}»`, 'databricks'],
  [`cookie «${webToken}»`, 'jwt'],
  [
    `\\n«${hfToken}»\\n token%3D«${hfToken}» \x1b[32m«${hfToken}»\x1b[0m`,
    'huggingface',
    'huggingface',
    'huggingface',
  ],

  // The environment.
  [`HF_TOKEN=«${hfToken}»\nWANDB_API_KEY=«${wandbKey}»\n`, 'huggingface', 'wandb'],
  [`AWS_ACCESS_KEY_ID=«${awsId}»\nAWS_SECRET_ACCESS_KEY=«${awsSecret}»\n`, 'aws', 'aws'],
  [`export AWS_SESSION_TOKEN="«${body(300)}»"`, 'aws'],
  ['DB_PASSWORD=«a,b;c (d)»'.replace(' ', ''), 'password'],
  [`environ({'WANDB_API_KEY': '«${wandbKey}»', 'PATH': '/usr/bin'})`, 'wandb'],
  ['MY_TOKEN=«short-one»', 'token'],

  // Dumps of arguments.
  [`Namespace(lr=0.1, password='«hunter2»', wandb_key='«${wandbKey}»', token=None)`, 'password', 'wandb'],
  [`TrainingArguments(hub_token=«${hfToken}», push_to_hub=True)`, 'huggingface'],
  ['  password ........................ «hunter2»', 'password'],
  [`  wandb_api_key ................... «${wandbKey}»`, 'wandb'],
  ["['train.py', '--password', '«hunter2»', '--lr', '1']", 'password'],
  ["[('db_password', '«hunter2»'), ('lr', 0.1)]", 'password'],
  ['train.py --password «hunter2» --lr 1', 'password'],
  ['train.py --db-password=«hunter,2» --lr 1', 'password'],
  [`+ wandb login «${wandbKey}»`, 'wandb'],
  [`wandb.login(key="«${wandbKey}»")`, 'wandb'],
  [`--hub_token «${body(24)}»`, 'huggingface'],
  ['password = «hunter2»', 'password'],
  ['password=«nonesuch» passwd: «trueish»', 'password', 'password'],
  ["{'password': '«it''s»".replace("''", '"').concat("'}"), 'password'],
  ["password=b'«hunter2»'", 'password'],
  ['passphrase: «correct»', 'password'],

  [
    `\u001b[33mpassword\u001b[0m=\u001b[32m'«hunter2»'\u001b[0m, \u001b[33mhf_token\u001b[0m=\u001b[32m'«${body(24)}»'\u001b[0m`,
    'password',
    'huggingface',
  ],
  ['| password | «hunter2» |\n│ db_passwd │ «hunter3» │', 'password', 'password'],
  ['machine api.wandb.ai\n  login user\n  password «' + wandbKey + '»', 'password'],

  // JSON, and JSON within JSON.
  [`{"api_key": "«${body(20)}»", "loss": 0.1}`, 'key'],
  ['{"password":"«hun ter2»","a":1}', 'password'],
  ['{"log":"{\\"password\\": \\"«hun\\\\\\"ter2»\\", \\"a\\": 1}\\n","stream":"stdout"}', 'password'],
  ['{"log":"PASSWORD=«hunter2»\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}', 'password'],
  [`{"client_secret": "«${body(20)}»"}`, 'secret'],
  [`{"access_token": "«${body(40)}»"}`, 'token'],
  [
    `"pem": "-----BEGIN PRIVATE KEY-----\\n«${body(64)}»\\n«${body(20)}=»\\n-----END PRIVATE KEY-----\\n"`,
    'private-key',
    'private-key',
  ],

  [
    `{"private_key": "«-----BEGIN PRIVATE KEY-----\\n${body(64)}\\n-----END PRIVATE KEY-----\\n»"}`,
    'private-key',
  ],

  // Addresses and headers.
  ['postgresql://mlflow:«s3cr3t»@db:5432/mlflow', 'url'],
  ['http_proxy=http://user:«p4ss»@proxy:3128', 'url'],
  ['redis://:«hunter2»@cache:6379/0', 'url'],
  [`git clone https://«${githubToken}»@github.com/x/y.git`, 'github'],
  [`https://«${hex(40)}»@git.example.org/x`, 'url'],
  [`Authorization: Bearer «${body(30)}»`, 'authorization'],
  ["headers={'Authorization': 'Basic «dXNlcjpwYXNz»'}", 'authorization'],

  // Keys on several lines.
  [
    `-----BEGIN RSA PRIVATE KEY-----\n«${body(64)}»\n«${body(64)}»\n«abc=»\n-----END RSA PRIVATE KEY-----\nhello\n`,
    ...(['private-key', 'private-key', 'private-key'] as const),
  ],
  [
    `-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n«${body(64)}»\n-----END EC PRIVATE KEY-----`,
    'private-key',
  ],
];

/** Text in which nothing is a secret, though it may look so. */
export const healthyTexts: readonly string[] = [
  'step 100 | loss 2.34567 | tokens/s 41234.5 | ms_per_token: 1.2345678901234567e-05 | token: 12.5',
  "{'loss': 2.3, 'num_tokens': 409600, 'mean_token_accuracy': 0.5}",
  'TrainingArguments(hub_token=<HUB_TOKEN>, push_to_hub_token=<PUSH_TO_HUB_TOKEN>, use_auth_token=True)',
  "Namespace(password=None, token='', api_key=null, wandb_key=None, secret=False)",
  "pad_token='<|endoftext|>', eos_token_id=50256, bos_token=</s>, additional_special_tokens=['<image_0001>']",
  'tokenizer: GPT2TokenizerFast, tokenizer_path=/models/llama-3-8b-instruct/tokenizer.model',
  '    token=token, password=password, api_key=os.environ["API_KEY"], password=args.password',
  '  File "/opt/venv/lib/python3.12/site-packages/huggingface_hub/utils/_auth.py", line 12, in get_token',
  'PASSWORD=${PASSWORD} TOKEN=$TOKEN SECRET=$(cat secret) password=********',
  "api_key: SecretStr('**********')",
  'PWD=/workspace/run-1\nOLDPWD=/root\n',
  'mask-rcnn-resnet50-1234567890abcdef sk-learn-contrib-some-package risk-1234567890123456789012345',
  'commit 3f786850e387550fdab836ed7e6dc881de23001b sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  'cache key: 3f786850e387550fdab836ed7e6dc881de23001b, key=layers.0.attention.query_key_value.weight',
  'KeyError: "token"; missing key(s) in state_dict: "model.embed_tokens.weight"',
  'http://localhost:6006/ tcp://10.0.0.1:29500 s3://bucket/path@v1 https://user@host/x user:***@host',
  'hf_transfer hf_hub_download(repo_id="meta-llama/Llama-3-8B") npm_config_cache ghs_ eyJ',
  'AKIA is no key, neither is AKIAabc',
  "    if password == confirm: raise ValueError('x'); password === other; 'manage_api_key' | 'manage_autoscaling'",
  "    creds = dict.fromkeys(['username', 'password', 'repository'], ''); self._password = password",
  '    self.key_password = handler.password; passwd = getpass.getpass("Password: ")',
  'usage: train.py [--password PASSWORD] [--lr LR]; def login(password: bool = False, passwd: str)',
  '    password = await ask(); token = not token_given',
  'MAX_TOKEN=100000000 EOS_TOKEN=endoftext IMAGE_TOKEN=image_0000001 N_TOKEN=12345678901234567890',
  'next_token: A1b2C3d4E5f6G7h8I9 first_token=a1b2c3d4e5f6g7h8i9',
  'fe_sendauth: no password supplied; password authentication failed for user "mlflow"',
  'wandb: Currently logged in as: someone. Use `wandb login --relogin` to force relogin',
  'wandb: Paste an API key from your profile and hit enter, or press ctrl+c to quit:',
  '-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa\n-----END CERTIFICATE-----',
  'secret: no; secrets_dir=/run/secrets password_file=/run/secrets/db',
  'Author: someone <a@b.c>; authorization failed; method=authorize',
];
