// A busy machine is no reason to fail: what is waited for may take longer than
// the second that is the library's own patience.

import { configure } from "@testing-library/svelte";

configure({ asyncUtilTimeout: 20_000 });
