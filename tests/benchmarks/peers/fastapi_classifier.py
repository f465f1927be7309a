"""The peer: plain FastAPI and transformers, one request after another, as most tutorials do it.

python fastapi_classifier.py FOLDER PORT THREADS
"""

import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder, port, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
app = FastAPI()


class Request(BaseModel):
    inputs: str


@app.post("/predict")
def predict(request: Request) -> list[list[dict[str, object]]]:
    with torch.inference_mode():
        logits = model(**tokenizer(request.inputs, truncation=True, return_tensors="pt")).logits[0]
    scores = logits.softmax(-1).tolist()
    answer = [{"label": model.config.id2label[i], "score": s} for i, s in enumerate(scores)]
    return [sorted(answer, key=lambda row: -float(str(row["score"])))]


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
