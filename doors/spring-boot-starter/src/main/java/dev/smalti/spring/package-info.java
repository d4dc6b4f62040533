/**
 * Spring AI's image model, drawn inside the process, and the beans that Spring Boot makes of it:
 * {@link dev.smalti.spring.SmaltiAutoConfiguration}.
 */
package dev.smalti.spring;
