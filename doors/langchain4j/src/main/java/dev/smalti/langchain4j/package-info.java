/**
 * LangChain4j's image model, drawn inside the process: {@link dev.smalti.langchain4j.SmaltiImageModel}.
 */
package dev.smalti.langchain4j;
