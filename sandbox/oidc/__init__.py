"""The sandbox's OpenID Connect provider for staff: printed accounts, code flow with PKCE, tokens for programs."""
