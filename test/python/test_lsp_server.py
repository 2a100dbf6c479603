"""attn-lsp-server, as an editor uses it: pygls is the client at the other end of
the pipe."""

import asyncio
import os
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(os.environ.get("ATTN_BUILD_DIR", ROOT / "build")) / "bin" / "attn-lsp-server"
URI = "file:///operator.mlir"
SECONDS = 300

OPERATOR = """\
func.func @f(%q: tensor<?x8x?x64xf32>, %k: tensor<?x{heads}x?x64xf32>) -> tensor<?x8x?x64xf32> {{
  %o = attn.attention(%q, %k, %k) where causal
      : (tensor<?x8x?x64xf32>, tensor<?x{heads}x?x64xf32>, tensor<?x{heads}x?x64xf32>)
        -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}}
"""


class Session:
    """One server with one document."""

    def __init__(self):
        self.client = LanguageClient("attn-test", "1")
        self.diagnostics = asyncio.Queue()

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def publish(params):
            self.diagnostics.put_nowait(params)

    async def open(self, text):
        await self.client.start_io(str(SERVER))
        await self.client.initialize_async(
            types.InitializeParams(capabilities=types.ClientCapabilities())
        )
        self.client.initialized(types.InitializedParams())
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(URI, "mlir", 1, text))
        )
        published = await self.diagnostics.get()
        assert published.uri == URI
        return published.diagnostics

    async def change(self, text):
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(2, URI),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )
        return (await self.diagnostics.get()).diagnostics

    async def close(self):
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()


def run(conversation):
    async def whole():
        session = Session()
        try:
            async with asyncio.timeout(SECONDS):
                await conversation(session)
        finally:
            async with asyncio.timeout(SECONDS):
                await session.close()

    asyncio.run(whole())


@pytest.fixture(autouse=True)
def server_is_built():
    assert SERVER.exists(), f"{SERVER} is not built"


def test_error_is_located_and_goes():
    async def conversation(session):
        (diagnostic,) = await session.open(OPERATOR.format(heads=3))
        assert diagnostic.severity == types.DiagnosticSeverity.Error
        assert "8 heads, which is no multiple of the key's 3" in diagnostic.message
        # The operation that is wrong, not the file.
        assert diagnostic.range.start.line == 1
        assert not await session.change(OPERATOR.format(heads=2))

    run(conversation)


def test_syntax_error_is_located():
    async def conversation(session):
        text = OPERATOR.format(heads=2).replace("causal", "casual")
        (diagnostic,) = await session.open(text)
        assert "unknown sparsity term 'casual'" in diagnostic.message
        column = text.splitlines()[1].index("casual")
        assert diagnostic.range.start == types.Position(1, column)

    run(conversation)


def test_definition_and_hover():
    async def conversation(session):
        text = OPERATOR.format(heads=2)
        assert not await session.open(text)
        lines = text.splitlines()
        document = types.TextDocumentIdentifier(URI)
        # %o in `return %o` is defined by the attention.
        use = types.Position(4, lines[4].index("%o") + 1)
        (definition,) = await session.client.text_document_definition_async(
            types.DefinitionParams(document, use)
        )
        assert definition.uri == URI
        assert definition.range.start == types.Position(1, lines[1].index("%o"))
        # %q in the attention is an argument of the function.
        use = types.Position(1, lines[1].index("%q") + 1)
        (definition,) = await session.client.text_document_definition_async(
            types.DefinitionParams(document, use)
        )
        assert definition.range.start == types.Position(0, lines[0].index("%q"))
        hover = await session.client.text_document_hover_async(
            types.HoverParams(document, types.Position(1, lines[1].index("attn.attention") + 2))
        )
        assert "attn.attention" in hover.contents.value

    run(conversation)
