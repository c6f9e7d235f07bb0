// The system's keychain, in words.

import type { CredentialKeep } from "$/api/generated/proto";
import type { Keychain } from "$/host/host";
import type { Tone } from "$/ui/icon";

export interface KeychainWords {
  tone: Tone;
  title: string;
  text: string;
}

export function keychainWords(keychain: Keychain): KeychainWords {
  switch (keychain.state) {
    case "works":
      return {
        tone: "ok",
        title: `The keychain works: ${keychain.name}`,
        text: "Tokens and keys are kept there, under your login.",
      };
    case "locked":
      return {
        tone: "wait",
        title: "The keychain is locked",
        text: "Unlock it in the window that your system shows, or with its own program, and look again.",
      };
    case "no_service":
      return {
        tone: "wait",
        title: "No keychain is running",
        text: "Start one (GNOME Keyring, KWallet, KeePassXC with Secret Service) and look again, or keep tokens and keys in a file that a passphrase seals.",
      };
    case "no_bus":
      return {
        tone: "wait",
        title: "There is no session bus, so no keychain can be reached",
        text: "Start Pilothouse from a desktop session, or keep tokens and keys in a file that a passphrase seals.",
      };
    case "sealed_file":
      return keychain.unlocked
        ? {
            tone: "ok",
            title: "A sealed file stands in for the keychain",
            text: "Tokens and keys are in it, under your passphrase. It is asked for at every start.",
          }
        : {
            tone: "wait",
            title: "The sealed file is locked",
            text: "Tokens and keys are in it. Give its passphrase to go on.",
          };
  }
}

/** Where a hub keeps what it was entrusted with. */
export const KEEP_WORDS: Record<CredentialKeep, string> = {
  keychain: "This hub keeps tokens and keys in the keychain of its machine.",
  sealed: "This hub keeps tokens and keys in a file that is sealed under a passphrase.",
  file: "This hub keeps tokens and keys in a file that only its user can read. It is not encrypted.",
  unknown: "This hub is older and does not say where it keeps tokens and keys.",
};
