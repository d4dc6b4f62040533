package dev.smalti.spring;

import dev.smalti.model.Model;
import org.springframework.ai.image.ImageModel;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

/**
 * Where {@code smalti.model} names a model: the open {@link Model}, closed with the application, and an {@link ImageModel} that draws
 * with it. An application's own beans of these types go before; {@code spring.ai.model.image} with another value than {@code smalti}
 * leaves the place to another provider.
 */
@AutoConfiguration
@EnableConfigurationProperties(SmaltiProperties.class)
@ConditionalOnProperty(name = "smalti.model")
public class SmaltiAutoConfiguration {
    /** @throws dev.smalti.run.JobException if there is no such model */
    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    public Model smaltiModel(SmaltiProperties properties) {
        return Model.open(properties.model(), properties.opening());
    }

    /** Draws with the model, as the properties say. */
    @Bean
    @ConditionalOnMissingBean(ImageModel.class)
    @ConditionalOnProperty(name = "spring.ai.model.image", havingValue = "smalti", matchIfMissing = true)
    public SmaltiImageModel smaltiImageModel(Model model, SmaltiProperties properties) {
        return new SmaltiImageModel(model, properties.options());
    }
}
