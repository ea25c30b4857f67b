"""OpenLLMetry's instrumentations of vector stores: what a span is stands in its name, also where no `db.system` is."""

from spanpulse_stream.normalise.dialects._dialect import INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

_STORES = ("chromadb", "lancedb", "marqo", "milvus", "pinecone", "qdrant", "weaviate")

DIALECT = Dialect(
    name="vector_stores",
    scopes={f"opentelemetry.instrumentation.{name}": INSTRUMENTOR for name in _STORES},
    attributes={},
    span_names={
        "chroma.query": "retrieval",
        "chroma.query.segment": "",  # inside the one above
        "lancedb.search": "retrieval",
        "marqo.search": "retrieval",
        "milvus.hybrid_search": "retrieval",
        "milvus.query": "retrieval",
        "milvus.search": "retrieval",
        "pinecone.query": "retrieval",
        "qdrant.query": "retrieval",
        "qdrant.search": "retrieval",
    },
)
