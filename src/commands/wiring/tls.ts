import { readFile } from 'node:fs/promises';
import type { TlsConfig } from '../../config/schema.ts';
import { CabooseError, errorText } from '../../core/errors.ts';

/** As node:tls takes them. */
export interface TlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  rejectUnauthorized: boolean;
}

/** The options of node:tls, with the PEM files read; undefined without a tls section. Throws CONFIG_INVALID. */
export async function readTls(
  config: TlsConfig | undefined,
  section: string,
): Promise<TlsOptions | undefined> {
  if (!config) return undefined;
  const { caFile, certFile, keyFile, serverName, insecureSkipVerify } = config;
  const options: TlsOptions = { rejectUnauthorized: !insecureSkipVerify };
  if (caFile !== undefined) options.ca = await pem(caFile, `${section}.tls.caFile`);
  if (certFile !== undefined) options.cert = await pem(certFile, `${section}.tls.certFile`);
  if (keyFile !== undefined) options.key = await pem(keyFile, `${section}.tls.keyFile`);
  if (serverName !== undefined) options.servername = serverName;
  return options;
}

async function pem(path: string, key: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CabooseError('CONFIG_INVALID', `${key}: ${path} cannot be read: ${errorText(error)}`, {
      cause: error,
      hint: 'check the path and its permissions',
    });
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new CabooseError('CONFIG_INVALID', `${key}: ${path} is no PEM file`, {
    hint: 'convert it, e.g. openssl x509 -inform der -in FILE -out FILE.pem',
  });
}
