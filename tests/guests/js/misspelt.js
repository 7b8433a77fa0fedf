// The export of a tool plugin under a wrong name.
export const toolPlugn = { getTools: () => [], getRiskLevel: () => "read-only", execute: () => null };
